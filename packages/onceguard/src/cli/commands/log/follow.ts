import { once } from "node:events";
import type { LogEntry, LogQuery } from "../../../core/ports.ts";
import type { Session } from "../../session.ts";
import { pages } from "./pages.ts";

const POLL_MS = 300;
/** Longer than any transaction of a guard: an entry gets its place when it is written, and is seen when it is committed. */
const LOOKS_BACK_MS = 30_000;

/** The newest entries, then each new one as it is committed; also those that were given an earlier place. */
export async function follow(
  { guard }: Session,
  query: Omit<LogQuery, "limit">,
  first: number,
  tell: (entry: LogEntry) => void,
): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  process.stdout.once("error", () => stop.abort());
  const start = (await guard.log({ ...query, limit: Math.max(1, first) })).toReversed();
  const seen = new Map<number, number>(); // place -> when it was seen
  for (const entry of start) {
    seen.set(entry.seq, performance.now());
    tell(entry);
  }
  const begun = start.at(0)?.seq ?? 0;
  while (!stop.signal.aborted) {
    for await (const page of pages(guard, { ...query, after: lookBackTo(seen, begun) })) {
      for (const entry of page) {
        if (seen.has(entry.seq)) continue;
        seen.set(entry.seq, performance.now());
        tell(entry);
      }
    }
    await Promise.race([once(stop.signal, "abort"), new Promise((again) => setTimeout(again, POLL_MS))]);
  }
}

/** Behind the newest place that was seen long ago; nothing before it can still appear. Forgets what lies before. */
function lookBackTo(seen: Map<number, number>, begun: number): number {
  const old = performance.now() - LOOKS_BACK_MS;
  let place = begun;
  for (const [seq, at] of seen) if (at < old) place = Math.max(place, seq);
  for (const seq of seen.keys()) if (seq < place) seen.delete(seq);
  return place;
}
