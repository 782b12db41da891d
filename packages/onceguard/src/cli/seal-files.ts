import { existsSync, readFileSync } from "node:fs";
import { type Anchor, fileAnchor, gitAnchor, httpAnchor } from "../seal/anchor.ts";
import { readKeys, type SigningKey, type VerifyingKey } from "../seal/keys.ts";
import { UsageError } from "./exit.ts";

/** @throws UsageError */
export function verifyingKeys(path: string): readonly VerifyingKey[] {
  const keys = readKeys(readText(path, "keys"));
  if (keys && keys.length > 0) return keys;
  throw new UsageError(`${path} is no file of keys; \`onceguard signing-keys\` makes one`);
}

/** @throws UsageError */
export function signingKeys(path: string): readonly SigningKey[] {
  const keys = verifyingKeys(path).filter((key): key is SigningKey => (key as SigningKey).privateKey !== null);
  if (keys.length > 0) return keys;
  throw new UsageError(`${path} has public keys only: they verify, and cannot sign`);
}

export function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`the ${what} ${path} cannot be read: ${(error as Error).message}`);
  }
}

/** `file:PATH`, `git:FOLDER`, `https://...`. @throws UsageError */
export function anchorAt(place: string): Anchor {
  if (place.startsWith("file:")) return fileAnchor(place.slice(5));
  if (place.startsWith("git:")) return gitAnchor(place.slice(4));
  if (/^https?:\/\//.test(place) && URL.canParse(place)) return httpAnchor(place);
  throw new UsageError(`--anchor takes file:PATH, git:FOLDER or https://..., and not "${place}"`);
}

/** The checkpoints that a file anchor has kept, or one as it was posted or committed. @throws UsageError */
export function anchoredIn(paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => {
    if (!existsSync(path)) throw new UsageError(`there are no anchored checkpoints at ${path}`);
    const text = readText(path, "anchored checkpoints");
    if (!text.startsWith('"')) return [text];
    try {
      return text
        .split("\n")
        .filter(Boolean)
        .map((line) => String(JSON.parse(line)));
    } catch {
      throw new UsageError(`${path} holds no anchored checkpoints`);
    }
  });
}

export function several(text: string, all: readonly string[] = []): readonly string[] {
  return [...all, text];
}
