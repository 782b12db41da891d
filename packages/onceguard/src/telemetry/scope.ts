import { readFileSync } from "node:fs";

/** The instrumentation scope of everything that is told. */
export const SCOPE = "onceguard";

export const VERSION: string = (
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string }
).version;
