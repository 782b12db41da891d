import type { Receipt, State } from "../core/receipt.ts";
import type { Guard } from "../pipeline/guard.ts";

/** What can still move by itself or by a person, and is in the index of what is due. */
const DUE: readonly State[] = ["held", "running", "retry_wait", "in_doubt", "review"];
const OPEN: readonly State[] = [...DUE, "compensating"];
/** Any settled request may be undone, so these are looked for in the log: the store has no index of what it settled. */
const UNDOING: readonly string[] = ["compensate", "compensated", "compensation_failed"];
/** Looked at per pass: the newest, and those that are open. */
const NEWEST = 200;
const MOST_OPEN = 500;

export type OnChange = (receipt: Receipt) => void;

/**
 * Tells what becomes of a tenant's requests, whoever works on them: the store is looked at, since the work may be done by
 * another process. One look serves all who listen; nobody listening, nobody looks. At least once: whoever listens tells
 * repeats by request id and version.
 */
export class ChangeFeed {
  readonly #guard: Guard;
  readonly #everyMs: number;
  readonly #report: (error: unknown) => void;
  readonly #tenants = new Map<string, TenantFeed>();

  constructor(guard: Guard, everyMs: number, report: (error: unknown) => void) {
    this.#guard = guard;
    this.#everyMs = everyMs;
    this.#report = report;
  }

  /**
   * @param since of what changed at that time or later, the newest are told first; null: from now on
   * @returns the way to stop
   */
  async listen(tenant: string, since: number | null, listener: OnChange): Promise<() => void> {
    const feed = this.#tenants.get(tenant) ?? new TenantFeed(this.#guard, tenant);
    this.#tenants.set(tenant, feed);
    feed.listeners.add(listener);
    if (feed.timer === null) {
      feed.timer = setInterval(() => void feed.look().catch(this.#report), this.#everyMs);
      feed.timer.unref();
    }
    const stop = (): void => {
      feed.listeners.delete(listener);
      if (feed.listeners.size > 0) return;
      if (feed.timer !== null) clearInterval(feed.timer);
      if (this.#tenants.get(tenant) === feed) this.#tenants.delete(tenant);
    };
    try {
      const current = await feed.look();
      if (since !== null) {
        const missed = current.filter(({ updatedAt }) => updatedAt >= since);
        for (const receipt of missed.sort((a, b) => a.updatedAt - b.updatedAt)) listener(receipt);
      }
      return stop;
    } catch (error) {
      stop();
      throw error;
    }
  }

  close(): void {
    for (const { timer } of this.#tenants.values()) if (timer !== null) clearInterval(timer);
    this.#tenants.clear();
  }
}

class TenantFeed {
  readonly listeners = new Set<OnChange>();
  timer: NodeJS.Timeout | null = null;
  readonly #guard: Guard;
  readonly #tenant: string;
  /** Versions as last told. Of those that are settled only the newest are remembered: an older one no longer moves. */
  #known: Map<string, { readonly version: number; readonly open: boolean }> | null = null;
  #looking: Promise<readonly Receipt[]> | null = null;
  /** How far the log had come at the last look. */
  #logEnd: number | null = null;

  constructor(guard: Guard, tenant: string) {
    this.#guard = guard;
    this.#tenant = tenant;
  }

  look(): Promise<readonly Receipt[]> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<readonly Receipt[]> {
    const tenant = this.#tenant;
    const newest = await this.#guard.receipts({ tenant, limit: NEWEST });
    const open = await this.#guard.receipts({ tenant, states: DUE, limit: MOST_OPEN });
    const undone = await this.#undone();
    const byId = new Map([...open, ...newest, ...undone].map((receipt) => [receipt.requestId, receipt]));
    const before = this.#known;
    for (const [requestId, last] of before ?? []) {
      if (!last.open || byId.has(requestId)) continue;
      const settled = await this.#guard.receipt(requestId, { tenant });
      if (settled) byId.set(requestId, settled);
    }
    const receipts = [...byId.values()];
    this.#known = new Map(
      receipts.map(({ requestId, version, state }) => [requestId, { version, open: OPEN.includes(state) }]),
    );
    if (before === null) return receipts;
    const changed = receipts.filter(({ requestId, version }) => (before.get(requestId)?.version ?? 0) < version);
    for (const receipt of changed.sort((a, b) => a.updatedAt - b.updatedAt)) {
      for (const listener of this.listeners) listener(receipt);
    }
    return receipts;
  }

  /** Requests, however old, whose effect has been undone or is being undone since the last look. */
  async #undone(): Promise<readonly Receipt[]> {
    const tenant = this.#tenant;
    const [end] = await this.#guard.log({ tenant, limit: 1 });
    const after = this.#logEnd;
    this.#logEnd = end?.seq ?? 0;
    if (after === null || after === this.#logEnd) return [];
    // Two transactions may commit in another order than their places; what is told twice is told apart by its version.
    const from = Math.max(0, after - 100);
    const events = await this.#guard.log({ tenant, events: UNDOING, order: "oldest", after: from, limit: MOST_OPEN });
    const ids = new Set(events.flatMap(({ requestId }) => requestId ?? []));
    const found = await Promise.all([...ids].map((id) => this.#guard.receipt(id, { tenant })));
    return found.filter((receipt) => receipt !== null);
  }
}
