import { fromEnvironment } from "../../config-source.ts";
import { UsageError } from "../../exit.ts";

/** `--header "Authorization: Bearer ${TOKEN}"`: for the server only, with secrets from the environment. */
export function upstreamHeaders(given: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((line) => {
      const match = /^([!#$%&'*+.^_`|~\w-]+):\s*(.+)$/.exec(line);
      if (!match) throw new UsageError(`--header takes "Name: value", and not "${line.slice(0, 80)}"`);
      return [(match[1] as string).toLowerCase(), fromEnvironment(match[2] as string, "--header")];
    }),
  );
}
