import { closeSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { OnceguardError } from "../../core/errors.ts";
import { type ApiKey, apiKeys, checkedKeys, type KeyReader } from "./api-key.ts";

/**
 * The keys of a file, which is looked at with every call: a key that was taken back is good for nothing from then on, and
 * nobody has to restart anything. A file that is gone has no keys. One that cannot be read keeps the keys it had, and
 * says so: a slip of an editor must not stop everybody.
 *
 * @throws OnceguardError `invalid_option` for a file that cannot be read at the start
 */
export function keyFile(path: string, report: (problem: string) => void = () => undefined): KeyReader {
  let seen = stampOf(path);
  let read: KeyReader = apiKeys(readKeys(path));
  return (key) => {
    const stamp = stampOf(path);
    if (stamp !== seen) {
      seen = stamp;
      try {
        read = apiKeys(readKeys(path));
      } catch (error) {
        report(`${path}: ${(error as Error).message} The keys that were read before stay in force.`);
      }
    }
    return read(key);
  };
}

/** No keys where there is no file. @throws OnceguardError `invalid_option` */
export function readKeys(path: string): readonly ApiKey[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw unreadable(path, cause);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return checkedKeys((content as { keys?: unknown } | null)?.keys);
}

/** One writer at a time, and readers see the list before or after, never in between. */
export async function changeKeys<Answer>(
  path: string,
  change: (keys: readonly ApiKey[]) => { readonly keys: readonly ApiKey[]; readonly answer: Answer },
): Promise<Answer> {
  const lock = `${path}.lock`;
  await take(lock);
  try {
    const { keys, answer } = change(readKeys(path));
    const next = `${path}.new`;
    rmSync(next, { force: true });
    const file = openSync(next, "wx", 0o600);
    try {
      writeSync(file, `${JSON.stringify({ keys }, null, 2)}\n`);
    } finally {
      closeSync(file);
    }
    renameSync(next, path);
    return answer;
  } finally {
    rmSync(lock, { force: true });
  }
}

const TRIES = 100;

async function take(lock: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      closeSync(openSync(lock, "wx", 0o600));
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
      if (tries < TRIES) await sleep(20);
      else {
        throw new OnceguardError("invalid_option", `${lock} is in the way. If nobody is changing keys, remove it.`, {
          option: "keys",
        });
      }
    }
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat ? `${stat.ino}:${stat.size}:${stat.mtimeNs}` : "none";
}

function unreadable(path: string, cause: unknown): OnceguardError {
  const message = `The keys in ${path} cannot be read: ${(cause as Error).message}.`;
  return new OnceguardError("invalid_option", message, { option: "keys" }, { cause });
}
