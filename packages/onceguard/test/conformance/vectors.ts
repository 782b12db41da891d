import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { canonicalJson } from "../../src/core/canonical-json.ts";
import type { JsonObject, JsonValue } from "../../src/core/json.ts";
import { parseStrictJson } from "../../src/core/strict-json.ts";

const folder = join(import.meta.dirname, "vectors");

/** Every vector file, as a path below `vectors/`. */
export const vectorFiles: readonly string[] = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".json"))
  .sort();

/** A vector file, read through our own gate: published vectors are real input to it. Its shape is the test's to know. */
// biome-ignore lint/suspicious/noExplicitAny: published JSON of many shapes; a wrong guess fails the test
export function load(file: string): any {
  return parseStrictJson(readFileSync(join(folder, file), "utf8"));
}

export function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

export function digest(value: JsonValue): string {
  return sha256(canonicalJson(value));
}

export function toHex(text: string): string {
  return Buffer.from(text, "utf8").toString("hex");
}

export function without(object: JsonObject, ...keys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

/** Every value inside, itself included, with its path. */
export function* walk(value: JsonValue, path = "$"): Generator<readonly [path: string, value: JsonValue]> {
  yield [path, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    yield* walk(member as JsonValue, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
  }
}
