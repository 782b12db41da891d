import { readFileSync } from "node:fs";

/** Of this package. Caches of another version are not read: its rules may differ. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;
