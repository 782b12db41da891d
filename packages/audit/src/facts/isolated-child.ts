import { readFileSync, writeSync } from "node:fs";
import { serialize } from "node:v8";
import type { RiskyFile } from "./isolated.ts";
import { lowerFile } from "./lower-file.ts";

/** One frame per file: its length, then its facts; a length of 0 says that it could not be read. */
for (const { path, absolute, hash } of JSON.parse(readFileSync(0, "utf8")) as RiskyFile[]) {
  const facts = lowered(path, absolute, hash);
  const frame = Buffer.alloc(4 + facts.length);
  frame.writeUInt32LE(facts.length);
  facts.copy(frame, 4);
  for (let at = 0; at < frame.length; ) at += writeSync(1, frame, at);
}

function lowered(path: string, absolute: string, hash: string): Buffer {
  try {
    return serialize(lowerFile(path, readFileSync(absolute, "utf8"), hash));
  } catch {
    return Buffer.alloc(0);
  }
}
