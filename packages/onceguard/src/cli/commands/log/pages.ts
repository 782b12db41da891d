import type { LogEntry, LogQuery } from "../../../core/ports.ts";
import type { Guard } from "../../../pipeline/guard.ts";

const PAGE = 500;

/** All entries that a query finds, oldest first. */
export async function* pages(
  guard: Guard,
  query: Omit<LogQuery, "limit">,
  most: number = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly LogEntry[]> {
  let { after } = query;
  for (let left = most; left > 0; ) {
    const limit = Math.min(PAGE, left);
    const page = await guard.log({ ...query, order: "oldest", after, limit });
    yield page;
    if (page.length < limit) return;
    left -= page.length;
    after = page.at(-1)?.seq;
  }
}
