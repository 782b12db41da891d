import { readFileSync, writeFileSync } from "node:fs";
import { InputError } from "../input-error.ts";
import type { Finding } from "../rules/finding.ts";

const SCHEMA = "onceguard-audit-baseline/1";

/** Findings that were there before: fingerprints, with a place for people. */
export function writeBaseline(path: string, findings: readonly Finding[]): void {
  const known = findings
    .map((one) => ({ fingerprint: one.fingerprint, rule: one.rule, path: one.place.path }))
    .sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  try {
    writeFileSync(path, `${JSON.stringify({ schema: SCHEMA, findings: known }, null, 2)}\n`);
  } catch (error) {
    throw new InputError(`cannot write the baseline ${path}: ${error instanceof Error ? error.message : error}`);
  }
}

export function readBaseline(path: string): Set<string> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new InputError(`cannot read the baseline ${path}: ${error instanceof Error ? error.message : error}`);
  }
  const known = json as { schema?: unknown; findings?: unknown } | null;
  if (known?.schema !== SCHEMA || !Array.isArray(known.findings))
    throw new InputError(`${path} is not a baseline of this command (${SCHEMA})`);
  return new Set(
    known.findings.flatMap((one: { fingerprint?: unknown }) =>
      typeof one?.fingerprint === "string" ? [one.fingerprint] : [],
    ),
  );
}
