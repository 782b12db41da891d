import { createHash } from "node:crypto";

const FOR_MS = 60_000;
const MOST = 10_000;

/**
 * The credentials that the upstream has accepted a moment ago. Nothing of what is stored in somebody's name is touched
 * for a token that only claims to be theirs.
 */
export class AcceptedCredentials {
  readonly #until = new Map<string, number>();

  has(authorization: string): boolean {
    return (this.#until.get(digest(authorization)) ?? 0) > performance.now();
  }

  accept(authorization: string): void {
    const key = digest(authorization);
    this.#until.delete(key);
    this.#until.set(key, performance.now() + FOR_MS);
    const [oldest] = this.#until.keys();
    if (this.#until.size > MOST && oldest !== undefined) this.#until.delete(oldest);
  }

  refuse(authorization: string | undefined): void {
    if (authorization !== undefined) this.#until.delete(digest(authorization));
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
