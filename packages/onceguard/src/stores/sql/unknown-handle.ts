import { OnceguardError } from "../../core/errors.ts";

/** What was given as a transaction has no shape that this store knows. */
export function unknownHandle(store: string, known: readonly string[]): OnceguardError {
  return new OnceguardError(
    "invalid_option",
    `What was given as transaction is nothing that the ${store} store can write through. It takes ${known.join("; ")}.`,
    { option: "transaction" },
  );
}
