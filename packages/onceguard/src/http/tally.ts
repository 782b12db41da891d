import type { LogEntry } from "../core/ports.ts";
import type { Guard } from "../pipeline/guard.ts";

/** What is counted of the log, per minute. */
export const COUNTED = ["executed", "replayed", "skipped", "in_doubt", "review", "failed", "refused"] as const;
export type Counted = (typeof COUNTED)[number];

const MINUTE_MS = 60_000;
/** As far back as is ever asked about. */
const LONGEST_MS = 7 * 24 * 60 * MINUTE_MS;
const PAGE = 1_000;
/** Read back at most, when a tenant is first asked about: half a minute of a slow store, in the background. */
const MOST_ENTRIES = 100_000;
/** Looked at again each time: two transactions may commit in another order than their places. */
const OVERLAP = 300;
const FRESH_MS = 1_000;
/** Of the newest calls that were answered from a receipt, so many are asked what they were worth. */
const MOST_AMOUNTS = 2_000;
const AT_ONCE = 16;
const MOST_TENANTS = 200;

type Minute = Record<Counted, number> & { prevented: number; amount: number; amountOf: number };

export interface Tallied {
  readonly at: number;
  readonly counts: Readonly<Record<Counted, number>>;
  readonly prevented: number;
  /** What prevented duplicates were worth, as far as their actions say so, and of how many that is. */
  readonly amount: number;
  readonly amountOf: number;
}

/** What the action log comes to, minute by minute, for each tenant that people look at. Read once, then what is new. */
export class Tallies {
  readonly #guard: Guard;
  readonly #report: (error: unknown) => void;
  readonly #tenants = new Map<string, TenantTally>();

  constructor(guard: Guard, report: (error: unknown) => void) {
    this.#guard = guard;
    this.#report = report;
  }

  /** Waits for what is new, but not for long: a large log is read in the background, and `complete` says so. */
  async of(tenant: string, patienceMs: number): Promise<TenantTally> {
    let tally = this.#tenants.get(tenant);
    if (!tally) {
      if (this.#tenants.size >= MOST_TENANTS) this.#tenants.clear();
      tally = new TenantTally(this.#guard, tenant);
      this.#tenants.set(tenant, tally);
    }
    const looked = tally.look().then(
      () => null,
      (error: unknown) => error,
    );
    const late = new Promise<null>((resolve) => setTimeout(resolve, patienceMs, null).unref());
    const error = await Promise.race([looked, late]);
    if (error !== null) {
      this.#tenants.delete(tenant);
      throw error;
    }
    void looked.then((failed) => {
      if (failed === null) return;
      this.#tenants.delete(tenant);
      this.#report(failed);
    });
    return tally;
  }
}

class TenantTally {
  /** All that there is, back to `since`, has been counted. */
  complete = false;
  /** Counted from here on, in ms since the epoch. */
  since: number = Date.now();
  readonly #guard: Guard;
  readonly #tenant: string;
  readonly #minutes: Map<number, Minute> = new Map();
  /** Places near the end that have been counted. */
  #seen = new Set<number>();
  #last = 0;
  #lookedAt = 0;
  #looking: Promise<void> | null = null;
  readonly #amounts: Map<string, number | null> = new Map();
  /** Prevented duplicates whose worth has not been looked up yet, the newest first. */
  readonly #unpriced: { readonly requestId: string; readonly minute: Minute; readonly times: number }[] = [];

  constructor(guard: Guard, tenant: string) {
    this.#guard = guard;
    this.#tenant = tenant;
  }

  look(): Promise<void> {
    if (this.complete && performance.now() - this.#lookedAt < FRESH_MS) return Promise.resolve();
    const counting = (): Promise<void> => (this.complete ? this.#forward() : this.#back());
    this.#looking ??= counting()
      .then(() => this.#price())
      .finally(() => {
        this.#looking = null;
        this.#lookedAt = performance.now();
      });
    return this.#looking;
  }

  /** In bars of this width, the oldest first. */
  bars(from: number, until: number, widthMs: number): Tallied[] {
    const bars: { -readonly [Key in keyof Tallied]: Tallied[Key] }[] = [];
    for (let at = from; at < until; at += widthMs) {
      bars.push({ at, counts: zeros(), prevented: 0, amount: 0, amountOf: 0 });
    }
    for (const [minute, counted] of this.#minutes) {
      const bar = bars[Math.floor((minute - from) / widthMs)];
      if (!bar || minute < from) continue;
      for (const name of COUNTED) (bar.counts as Record<Counted, number>)[name] += counted[name];
      bar.prevented += counted.prevented;
      bar.amount += counted.amount;
      bar.amountOf += counted.amountOf;
    }
    return bars;
  }

  async #back(): Promise<void> {
    const horizon = Date.now() - LONGEST_MS;
    let after: number | undefined;
    for (let read = 0; read < MOST_ENTRIES; read += PAGE) {
      const page = await this.#guard.log({ tenant: this.#tenant, order: "newest", limit: PAGE, after });
      this.#count(page);
      const last = page.at(-1);
      if (last) this.since = last.at;
      if (!last || page.length < PAGE || last.at < horizon) {
        this.since = horizon;
        break;
      }
      after = last.seq;
    }
    this.complete = true;
  }

  async #forward(): Promise<void> {
    let after = Math.max(0, this.#last - OVERLAP);
    for (;;) {
      const page = await this.#guard.log({ tenant: this.#tenant, order: "oldest", limit: PAGE, after });
      this.#count(page);
      const last = page.at(-1);
      if (!last || page.length < PAGE) break;
      after = last.seq;
    }
    const horizon = Date.now() - LONGEST_MS;
    for (const minute of this.#minutes.keys()) if (minute < horizon) this.#minutes.delete(minute);
    this.since = Math.max(this.since, horizon);
  }

  #count(page: readonly LogEntry[]): void {
    for (const entry of page) {
      if (this.#seen.has(entry.seq)) continue;
      this.#seen.add(entry.seq);
      this.#last = Math.max(this.#last, entry.seq);
      const what = whatOf(entry);
      if (what === null) continue;
      const times = timesOf(entry);
      const minute = this.#minute(entry.at);
      minute[what] += times;
      if (!isPrevented(entry)) continue;
      minute.prevented += times;
      const { requestId } = entry;
      if (requestId !== null && this.#unpriced.length < MOST_AMOUNTS) this.#unpriced.push({ requestId, minute, times });
    }
    const near = this.#last - 2 * PAGE;
    if (this.#seen.size > 4 * PAGE) this.#seen = new Set([...this.#seen].filter((seq) => seq >= near));
  }

  #minute(at: number): Minute {
    const start = Math.floor(at / MINUTE_MS) * MINUTE_MS;
    const minute = this.#minutes.get(start) ?? { ...zeros(), prevented: 0, amount: 0, amountOf: 0 };
    this.#minutes.set(start, minute);
    return minute;
  }

  /** After the counting, which must not wait for it: what is missing is said by `amountOf`. */
  async #price(): Promise<void> {
    while (this.#unpriced.length > 0) {
      const some = this.#unpriced.splice(0, AT_ONCE);
      const amounts = await Promise.all(some.map(({ requestId }) => this.#amountOf(requestId)));
      for (const [n, { minute, times }] of some.entries()) {
        const amount = amounts[n] ?? null;
        if (amount === null) continue;
        minute.amount += amount * times;
        minute.amountOf += times;
      }
    }
  }

  async #amountOf(requestId: string): Promise<number | null> {
    const known = this.#amounts.get(requestId);
    if (known !== undefined) return known;
    if (this.#amounts.size >= MOST_AMOUNTS) this.#amounts.clear();
    const amount = (await this.#guard.receipt(requestId, { tenant: this.#tenant }))?.amount ?? null;
    this.#amounts.set(requestId, amount);
    return amount;
  }
}

function zeros(): Record<Counted, number> {
  return { executed: 0, replayed: 0, skipped: 0, in_doubt: 0, review: 0, failed: 0, refused: 0 };
}

/** Events beside the steps of a request: calls, and what came too late. */
const BESIDE: ReadonlySet<string> = new Set(["drift", "proposed", "late_failure", "late_denial", "before", "dispatch"]);
const SUCCESSES: ReadonlySet<string> = new Set(["success", "probe_happened", "late_success", "resolve"]);
const DOUBTS: ReadonlySet<string> = new Set([
  "indefinite",
  "lapse",
  "shutdown",
  "definite_failure",
  "doubt",
  "restored",
]);
const HANDED_OVER: ReadonlySet<string> = new Set(["give_up", "definite_failure", "compensation_failed"]);

function whatOf({ event, state }: LogEntry): Counted | null {
  if (event === "replayed" || event === "skipped" || event === "refused") return event;
  if (event === "mismatch" || event === "deny") return "refused";
  if (BESIDE.has(event)) return null;
  if (state === "succeeded") return SUCCESSES.has(event) ? "executed" : null;
  if (state === "in_doubt") return DOUBTS.has(event) ? "in_doubt" : null;
  if (state === "review") return HANDED_OVER.has(event) ? "review" : null;
  return state === "failed" ? "failed" : null;
}

/** Without the guard it would have made the effect once more (as `onceguard.duplicates_prevented` counts). */
function isPrevented({ event, state }: LogEntry): boolean {
  if (event === "skipped") return true;
  return (
    event === "replayed" && (state === "succeeded" || state === "running" || state?.startsWith("compensat") === true)
  );
}

function timesOf({ detail }: LogEntry): number {
  const times = detail === null ? 1 : (JSON.parse(detail) as { times?: unknown }).times;
  return typeof times === "number" && times > 0 ? times : 1;
}
