import { fromBase64, toBase64 } from "./bytes.ts";
import { isValidAt, type SigningKey, type VerifyingKey } from "./keys.ts";
import { parseNote, signerOf, signNote } from "./signed-note.ts";

/** The log up to a point: how many entries, and the root of the tree over them (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Which log it is: a name that nobody else uses, such as `onceguard.example/payments`. */
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
  /** The store's time when it was made, in an extension line. */
  readonly at: number;
}

export function signCheckpoint({ origin, size, root, at }: Checkpoint, key: SigningKey): string {
  return signNote(`${origin}\n${size}\n${toBase64(root)}\ntime ${at}\n`, origin, key);
}

export type CheckpointProblem = "malformed" | "not_signed" | "key_not_valid_then";

/** The checkpoint, if one of these keys has signed it at a time at which it was valid. */
export function readCheckpoint(
  text: string,
  keys: readonly VerifyingKey[],
): { readonly checkpoint: Checkpoint; readonly problem: CheckpointProblem | null } | null {
  const note = parseNote(text);
  const [origin = "", count = "", base64 = "", ...extensions] = note?.text.slice(0, -1).split("\n") ?? [];
  const root = fromBase64(base64);
  const time = extensions.find((line) => /^time \d{1,16}$/.test(line));
  if (note === null || !/^(0|[1-9]\d{0,15})$/.test(count) || root?.length !== 32 || !time || origin === "") return null;
  const checkpoint = { origin, size: Number(count), root, at: Number(time.slice(5)) };
  const key = signerOf(note, origin, keys);
  const problem = key === null ? "not_signed" : isValidAt(key, checkpoint.at) ? null : "key_not_valid_then";
  return { checkpoint, problem };
}
