import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { AppendedLines } from "./appended-lines.ts";

/** Of what a file anchor keeps, only the newest can be newer than the sealed log that is at hand. */
const KEPT = 100;

/** The newest checkpoints in a file: one that a file anchor appends to, or that holds a single note. Asked again and again. */
export function anchoredNotes(path: string): () => readonly string[] {
  let notes: string[] = [];
  const lines = new AppendedLines(
    path,
    (text) => {
      if (text === "") return;
      notes.push(text);
      if (notes.length > KEPT) notes = notes.slice(-KEPT / 2);
    },
    () => {
      notes = [];
    },
  );
  return () => {
    if (!beginsWithQuote(path)) return [readFileSync(path, "utf8")];
    while (lines.look());
    return notes.map((text) => String(JSON.parse(text)));
  };
}

function beginsWithQuote(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const byte = Buffer.alloc(1);
    return readSync(file, byte, 0, 1, 0) === 1 && byte[0] === 0x22;
  } finally {
    closeSync(file);
  }
}
