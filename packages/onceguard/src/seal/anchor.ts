import { execFileSync } from "node:child_process";
import { hash } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A place outside, where a checkpoint cannot be taken back: what was sealed before it can no longer be changed unseen. */
export interface Anchor {
  /** For messages: `file /mnt/worm/anchors`. No secrets. */
  readonly name: string;
  /** Resolves once it is there. `note` is the signed checkpoint; the same one may come again. */
  anchor(note: string): Promise<void>;
}

/** Appends to a file: on another machine's disk, or one that cannot be written twice. */
export function fileAnchor(path: string): Anchor {
  return {
    name: `file ${path}`,
    anchor: async (note) => {
      const file = openSync(path, "a", 0o644);
      try {
        writeSync(file, `${JSON.stringify(note)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    },
  };
}

/** Commits into a git work tree, under its own hash; push it where nobody can force. */
export function gitAnchor(folder: string, file = "checkpoint"): Anchor {
  const git = (...args: string[]) => execFileSync("git", ["-C", folder, ...args], { stdio: "pipe" });
  return {
    name: `git ${folder}`,
    anchor: async (note) => {
      writeFileSync(join(folder, file), note);
      git("add", "--", file);
      const who = ["-c", "user.name=onceguard", "-c", "user.email=onceguard@localhost"];
      git(...who, "commit", "--quiet", "--allow-empty", "-m", `checkpoint ${note.split("\n")[1]}`, "--", file);
    },
  };
}

/** Posts to a witness, which keeps it and answers 2xx. A user and password in the address go as Basic authorization. */
export function httpAnchor(url: string, fetcher: typeof fetch = fetch): Anchor {
  const { target, authorization } = withoutCredentials(url);
  return {
    name: `http ${target.host}`,
    anchor: async (note) => {
      const headers = { "Content-Type": "text/plain; charset=utf-8", ...authorization };
      const answer = await fetcher(target, {
        method: "POST",
        headers,
        body: note,
        signal: AbortSignal.timeout(10_000),
      });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the witness ${target.host} answered ${answer.status}`);
    },
  };
}

/** fetch takes no address with credentials, and says them in its error. */
function withoutCredentials(url: string): { target: URL; authorization: Record<string, string> } {
  const target = new URL(url);
  if (target.username === "" && target.password === "") return { target, authorization: {} };
  const credentials = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
  target.username = "";
  target.password = "";
  return { target, authorization: { Authorization: `Basic ${Buffer.from(credentials).toString("base64")}` } };
}

/** Object storage, by its one verb: `put` of an S3, GCS, Azure or R2 client. */
export interface ObjectBucket {
  /** Stores an object under its key; resolves once it is stored. An object that is there already may stay as it is. */
  put(key: string, body: string): Promise<unknown>;
}

/**
 * Puts every checkpoint under a name of its own, in the order of the log: `checkpoints/000000012345-3f2a9c01.txt`. Give the
 * bucket a retention lock, or who has its credentials can take a checkpoint back.
 *
 * @param prefix Default `checkpoints/`.
 */
export function objectAnchor(bucket: ObjectBucket, prefix = "checkpoints/"): Anchor {
  return {
    name: `object storage ${prefix}`,
    anchor: async (note) => {
      const size = (note.split("\n")[1] ?? "").padStart(12, "0");
      await bucket.put(`${prefix}${size}-${hash("sha256", note, "hex").slice(0, 8)}.txt`, note);
    },
  };
}

/** Anything else, such as a notary. For OpenTelemetry see `checkpointAnchor` of `onceguard/otel`. */
export function callbackAnchor(name: string, anchor: (note: string) => Promise<void>): Anchor {
  return { name, anchor };
}
