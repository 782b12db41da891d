import { OnceguardError } from "../../core/errors.ts";

/** Whatever is written through a transaction that is over would be a commit of its own, or part of somebody else's. */
export function transactionEnded(): OnceguardError {
  return new OnceguardError(
    "invalid_option",
    "The transaction has ended: nothing can be written through it any more. Await everything before the work returns, and leave BEGIN, COMMIT and ROLLBACK to the guard.",
    { option: "transaction" },
  );
}
