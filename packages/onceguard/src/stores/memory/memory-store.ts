import { randomBytes } from "node:crypto";
import { type ClaimRequest, grantClaim } from "../../core/claim.ts";
import { advance, firstReceipt, type Transition } from "../../core/lifecycle.ts";
import type { ApplyAnswer, ClaimAnswer, LogEntry, ReceiptQuery, Renewal, Store, StoreInfo } from "../../core/ports.ts";
import type { Receipt } from "../../core/receipt.ts";

export interface MemoryStoreOptions {
  /** The store's clock, in ms since the epoch. Default: the process's. */
  readonly clock?: () => number;
}

interface Row {
  receipt: Receipt;
  ownerToken: string;
}

/**
 * Receipts in memory: for tests and for trying things out. Forgets everything with the process, so it cannot keep any
 * promise across a crash; the SQL stores do.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options.clock ?? Date.now);
}

class MemoryStore implements Store {
  readonly name = "memory";
  readonly durable = false;
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #explicit = new Map<string, string>();
  readonly #log = new Map<string, LogEntry[]>();
  readonly #info: StoreInfo = { secret: randomBytes(32).toString("hex"), schemaVersion: 1 };

  constructor(now: () => number) {
    this.#now = now;
  }

  async open(): Promise<StoreInfo> {
    return this.#info;
  }

  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const key = keyOf(request.tenant, request.requestId);
    const explicitKey = request.explicitId === null ? null : keyOf(request.tenant, request.explicitId);
    const heldBy = explicitKey === null ? undefined : this.#explicit.get(explicitKey);
    const row = this.#rows.get(key) ?? (heldBy === undefined ? undefined : this.#rows.get(heldBy));
    if (row) return this.#known(row, request);
    const receipt = firstReceipt(request, this.#now());
    this.#rows.set(key, { receipt, ownerToken: request.ownerToken });
    if (explicitKey !== null) this.#explicit.set(explicitKey, key);
    this.#record(receipt, "claim", receipt.actor, null);
    return { kind: "claimed", claim: grantClaim(receipt, request.ownerToken) };
  }

  #known(row: Row, request: ClaimRequest): ClaimAnswer {
    const receipt = this.#read(row);
    return row.ownerToken === request.ownerToken && receipt.version === 1
      ? { kind: "claimed", claim: grantClaim(receipt, request.ownerToken) }
      : { kind: "exists", receipt };
  }

  async apply(transition: Transition): Promise<ApplyAnswer> {
    const { from, ownerToken } = transition;
    const row = this.#rows.get(keyOf(from.tenant, from.requestId));
    if (!row) return { kind: "stale", receipt: null };
    const now = this.#now();
    const { receipt } = row;
    const unchanged =
      receipt.version === from.version &&
      receipt.state === from.state &&
      receipt.fencingToken === from.fencingToken &&
      (!transition.requiresLapse || (receipt.dueAt !== null && receipt.dueAt <= now));
    if (unchanged) {
      row.receipt = advance({ ...transition, from: receipt }, now);
      row.ownerToken = ownerToken;
      this.#record(row.receipt, transition.event, transition.actor, transition.detail);
    } else if (receipt.version !== from.version + 1 || row.ownerToken !== ownerToken) {
      return { kind: "stale", receipt: this.#read(row) };
    }
    const written = this.#read(row);
    const claimed = written.state === "running" && written.fencingToken > from.fencingToken;
    return { kind: "applied", receipt: written, claim: claimed ? grantClaim(written, ownerToken) : null };
  }

  async renew(renewals: readonly Renewal[]): Promise<readonly Renewal[]> {
    return renewals.filter((renewal) => {
      const row = this.#rows.get(keyOf(renewal.tenant, renewal.requestId));
      const ours = row?.receipt.state === "running" && row.receipt.fencingToken === renewal.fencingToken;
      if (ours) row.receipt = { ...row.receipt, dueAt: this.#now() + renewal.leaseMs };
      return !ours;
    });
  }

  async find(tenant: string, requestId: string): Promise<Receipt | null> {
    const key = keyOf(tenant, requestId);
    const row = this.#rows.get(key) ?? this.#rows.get(this.#explicit.get(key) ?? "");
    return row ? this.#read(row) : null;
  }

  async due(query: { readonly actions: readonly string[]; readonly limit: number }): Promise<readonly Receipt[]> {
    const now = this.#now();
    const actions = new Set(query.actions);
    return this.#all()
      .filter(({ state, dueAt, action, capability }) => {
        if (dueAt === null || dueAt > now) return false;
        if (state === "running") return true;
        if (state === "in_doubt" && capability === "none") return true;
        return (state === "retry_wait" || state === "in_doubt") && actions.has(action);
      })
      .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0))
      .slice(0, query.limit);
  }

  async list(query: ReceiptQuery): Promise<readonly Receipt[]> {
    const { after } = query;
    return this.#all()
      .filter(
        (receipt) =>
          (query.tenant === undefined || receipt.tenant === query.tenant) &&
          (query.states === undefined || query.states.includes(receipt.state)) &&
          (query.action === undefined || receipt.action === query.action) &&
          (query.recordId === undefined || receipt.recordId === query.recordId) &&
          (query.runId === undefined || receipt.runId === query.runId) &&
          (after === undefined || newestFirst(receipt, after) > 0),
      )
      .sort(query.order === "longest_due" ? longestDueFirst : newestFirst)
      .slice(0, query.limit);
  }

  async append(entry: Omit<LogEntry, "at">): Promise<void> {
    this.#append({ ...entry, at: this.#now() });
  }

  async log(tenant: string, requestId: string): Promise<readonly LogEntry[]> {
    return [...(this.#log.get(keyOf(tenant, requestId)) ?? [])];
  }

  async close(): Promise<void> {}

  #all(): Receipt[] {
    return [...this.#rows.values()].map((row) => this.#read(row));
  }

  #read(row: Row): Receipt {
    return { ...row.receipt, readAt: this.#now() };
  }

  #record(receipt: Receipt, event: string, actor: string | null, detail: string | null): void {
    const { tenant, requestId, state, version, fencingToken, attemptNumber, updatedAt } = receipt;
    this.#append({
      tenant,
      requestId,
      event,
      state,
      version,
      fencingToken,
      attemptNumber,
      actor,
      detail,
      at: updatedAt,
    });
  }

  #append(entry: LogEntry): void {
    const key = keyOf(entry.tenant, entry.requestId);
    const entries = this.#log.get(key);
    if (entries) entries.push(entry);
    else this.#log.set(key, [entry]);
  }
}

function keyOf(tenant: string, requestId: string): string {
  return `${tenant}\u0000${requestId}`;
}

type Place = Pick<Receipt, "createdAt" | "requestId" | "tenant">;

/** By creation, the latest first; equal times by request id and tenant, so that paging is stable. */
function newestFirst(a: Place, b: Place): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  if (a.requestId !== b.requestId) return a.requestId < b.requestId ? 1 : -1;
  return a.tenant < b.tenant ? 1 : a.tenant > b.tenant ? -1 : 0;
}

function longestDueFirst(a: Receipt, b: Receipt): number {
  return (a.dueAt ?? Number.POSITIVE_INFINITY) - (b.dueAt ?? Number.POSITIVE_INFINITY);
}
