import { createHash, sign, verify } from "node:crypto";
import { fromBase64, toBase64, utf8 } from "./bytes.ts";
import type { SigningKey, VerifyingKey } from "./keys.ts";

/** A text and who has signed it, as C2SP's signed-note says: the text, an empty line, and a line per signature. */
export interface Note {
  /** Ends with a line break. */
  readonly text: string;
  readonly signatures: readonly {
    readonly name: string;
    readonly keyHash: Uint8Array;
    readonly signature: Uint8Array;
  }[];
}

/** Ed25519, in C2SP's list of signature types. */
const ED25519 = 1;

export function signNote(text: string, name: string, key: SigningKey): string {
  const signature = new Uint8Array(sign(null, utf8(text), key.privateKey));
  return `${text}\n\u2014 ${name} ${toBase64(Uint8Array.from([...keyHash(name, key), ...signature]))}\n`;
}

/** Null for what is no signed note. */
export function parseNote(note: string): Note | null {
  const at = note.lastIndexOf("\n\n");
  if (at < 0 || !note.endsWith("\n")) return null;
  const lines = note.slice(at + 2, -1).split("\n");
  const signatures = lines.map((line) => {
    const [, name, base64] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
    const bytes = base64 === undefined ? null : fromBase64(base64);
    if (name === undefined || bytes === null || bytes.length < 5) return null;
    return { name, keyHash: bytes.slice(0, 4), signature: bytes.slice(4) };
  });
  if (signatures.some((one) => one === null)) return null;
  return { text: note.slice(0, at + 1), signatures: signatures as Note["signatures"] };
}

/** The key that has signed it under this name, among those that are known; null when none of them has. */
export function signerOf({ text, signatures }: Note, name: string, keys: readonly VerifyingKey[]): VerifyingKey | null {
  for (const key of keys) {
    const hash = keyHash(name, key);
    const made = signatures.find((one) => one.name === name && Buffer.compare(one.keyHash, hash) === 0);
    if (made && verify(null, utf8(text), key.publicKey, made.signature)) return key;
  }
  return null;
}

function keyHash(name: string, { publicKey }: VerifyingKey): Uint8Array {
  const raw = Buffer.from(String(publicKey.export({ format: "jwk" }).x), "base64url");
  const text = Buffer.concat([utf8(`${name}\n`), Uint8Array.of(ED25519), raw]);
  return new Uint8Array(createHash("sha256").update(text).digest().subarray(0, 4));
}
