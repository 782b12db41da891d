/** What the client of the outside world throws for an answer that is no success. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(`the outside world answered ${status}`);
    this.status = status;
    this.body = body;
  }
}

/** Statuses that say "try again" although they begin with a 4: a time-out, a conflict with a call under way, too early, too many. */
const AGAIN: ReadonlySet<number> = new Set([408, 409, 425, 429]);

/** A client error that no repetition heals: what any client library calls fatal. */
export function isRefusal(error: unknown): error is HttpError {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && status >= 400 && status < 500 && !AGAIN.has(status);
}
