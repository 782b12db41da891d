import { randomBytes } from "node:crypto";
import { type ClaimRequest, grantClaim } from "../../core/claim.ts";
import { type Epoch, type EpochOrder, isAskedAgain } from "../../core/epoch.ts";
import { admit, type BudgetCondition, type Gate, type Tally, type TurnCondition } from "../../core/gate.ts";
import { type Halt, type HaltOrder, type HaltScope, type HaltSubject, halts } from "../../core/halt.ts";
import { WAITS_FOR_CASE } from "../../core/hold.ts";
import { advance, firstReceipt, type Transition } from "../../core/lifecycle.ts";
import { firstLine, haltLine, lineWithoutRecord, transitionLine } from "../../core/log-line.ts";
import { type Notification, notificationId } from "../../core/notification.ts";
import type {
  ApplyAnswer,
  ClaimAnswer,
  HaltQuery,
  LogEntry,
  LogQuery,
  NewLogEntry,
  ReceiptQuery,
  Renewal,
  Store,
  StoredCase,
  StoreInfo,
  TakenNotification,
} from "../../core/ports.ts";
import type { Receipt, State } from "../../core/receipt.ts";

/** Options of `memoryStore`. */
export interface MemoryStoreOptions {
  /** The store's clock, in ms since the epoch. Default: the process's. */
  readonly clock?: () => number;
}

interface Row {
  receipt: Receipt;
  ownerToken: string;
}

interface Place {
  readonly requestId: string;
  expiresAt: number;
}

/**
 * Receipts in memory: for tests and for trying things out. Forgets everything with the process, so it cannot keep any
 * promise across a crash; the SQL stores do.
 */
export function memoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options.clock ?? Date.now);
}

/** Every verb does its work without giving up its turn: that is its transaction. */
class MemoryStore implements Store {
  readonly name = "memory";
  readonly durable = false;
  readonly #now: () => number;
  readonly #rows = new Map<string, Row>();
  readonly #explicit = new Map<string, string>();
  readonly #log: LogEntry[] = [];
  readonly #histories = new Map<string, LogEntry[]>();
  readonly #halts: Halt[] = [];
  readonly #turns = new Map<string, Place[]>();
  readonly #cases = new Map<string, StoredCase>();
  readonly #notifications = new Map<string, { told: Notification; dueAt: number; deliveries: number }>();
  #epochs: Epoch[] = [];
  #epochInForce = false;
  readonly #info: StoreInfo = { secret: randomBytes(32).toString("hex"), schemaVersion: 1 };

  constructor(now: () => number) {
    this.#now = now;
  }

  async open(): Promise<StoreInfo> {
    return this.#info;
  }

  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const { tenant, requestId, explicitId, gate } = request;
    // What an insert would conflict with: not somebody else's explicit id of the same text.
    const heldBy = explicitId === null ? undefined : this.#explicit.get(keyOf(tenant, explicitId));
    const row = this.#rows.get(keyOf(tenant, requestId)) ?? this.#rows.get(heldBy ?? "");
    if (row) return this.#known(row, request);
    const halt = this.#haltFor(request);
    if (halt) return { kind: "halted", halt };
    const isQuestionable = request.start.state === "running" && request.capability !== "transaction";
    const epoch = isQuestionable ? this.#epoch() : null;
    if (epoch) return { kind: "new_epoch", epoch };
    return gate === null ? this.#insert(request) : this.#admitted(request, gate);
  }

  #known(row: Row, request: ClaimRequest): ClaimAnswer {
    const receipt = this.#read(row);
    return row.ownerToken === request.ownerToken && receipt.version === 1
      ? answerFor(receipt, request.ownerToken)
      : { kind: "exists", receipt, halt: this.#haltFor(request) };
  }

  #insert(request: ClaimRequest): ClaimAnswer {
    const { tenant, requestId, explicitId, ownerToken } = request;
    const now = this.#now();
    const receipt = firstReceipt(request, now);
    const key = keyOf(tenant, requestId);
    this.#rows.set(key, { receipt, ownerToken });
    if (explicitId !== null) this.#explicit.set(keyOf(tenant, explicitId), key);
    this.#append(firstLine(request, receipt), now);
    if (receipt.hold?.waitsFor === "approval") {
      const { action, recordId, runId, reason } = receipt;
      const about = { tenant, requestId, action, recordId, runId, reason, at: now };
      this.#tell({ id: notificationId("held", tenant, requestId, 1), kind: "held", route: "operator", ...about });
    }
    return answerFor(receipt, ownerToken);
  }

  #admitted(request: ClaimRequest, gate: Gate): ClaimAnswer {
    const { tenant } = request;
    const { dedup } = gate;
    const admission = admit(gate, request.amount, {
      budgets: gate.budgets.map((budget) => this.#tallyBudget(request, budget)),
      dedup: dedup && this.#tallyRecord(request, dedup.windowMs),
    });
    switch (admission.kind) {
      case "halt": {
        const { name, halts: stopped } = admission.budget;
        return { kind: "halted", halt: this.#halt({ ...stopped, tenant, reason: `budget:${name}`, actor: null }) };
      }
      case "skip": {
        const detail = JSON.stringify({ earlier: admission.earlier });
        this.#append(lineWithoutRecord({ ...request, cause: null }, "skipped", detail), this.#now());
        return { kind: "skipped", earlier: this.#read(this.#row(tenant, admission.earlier) as Row) };
      }
      case "hold":
        return this.#insert({
          ...request,
          start: { state: "held", hold: admission.hold, dueInMs: dedup?.holdMs ?? 0 },
        });
      case "admit": {
        const turn = request.start.state === "running" ? gate.turn : null;
        if (turn && !this.#isOurTurn(request, turn)) return { kind: "busy", recordId: turn.recordId };
        return this.#insert(request);
      }
    }
  }

  #tallyRecord({ tenant, action, recordId, requestId }: ClaimRequest, windowMs: number): Tally {
    const since = this.#now() - windowMs;
    const at = (one: Receipt): number => one.attemptEndedAt ?? one.updatedAt;
    const counted = this.#all()
      .filter((one) => one.tenant === tenant && one.action === action && one.recordId === recordId)
      .filter((one) => one.requestId !== requestId && mayBeAnEffect(one))
      .filter((one) => ["held", "running", "retry_wait", "in_doubt"].includes(one.state) || at(one) > since)
      .sort((a, b) => at(b) - at(a));
    return { count: counted.length, amount: 0, latest: counted[0]?.requestId ?? null };
  }

  #tallyBudget({ tenant, requestId }: ClaimRequest, budget: BudgetCondition): Tally {
    const since = budget.windowMs === null ? Number.NEGATIVE_INFINITY : this.#now() - budget.windowMs;
    const counted = this.#all().filter(
      (one) =>
        one.tenant === tenant &&
        one.requestId !== requestId &&
        mayBeAnEffect(one) &&
        (budget.runId === null || one.runId === budget.runId) &&
        (budget.action === null || one.action === budget.action) &&
        (budget.recordId === null || one.recordId === budget.recordId) &&
        (budget.counts === "actions" || one.amount !== null) &&
        (one.generationAt > since || one.state === "held" || one.state === "retry_wait"),
    );
    const amount = counted.reduce((sum, one) => sum + (one.amount ?? 0), 0);
    return { count: counted.length, amount, latest: null };
  }

  #isOurTurn({ tenant, requestId }: ClaimRequest, { recordId, placeMs }: TurnCondition): boolean {
    const now = this.#now();
    const key = keyOf(tenant, recordId);
    const queue = (this.#turns.get(key) ?? []).filter((one) => one.requestId === requestId || one.expiresAt > now);
    const ahead = queue[0] !== undefined && queue[0].requestId !== requestId;
    const waits = ahead || this.#isOccupied(tenant, recordId, requestId);
    const ours = queue.find((one) => one.requestId === requestId);
    if (ours) ours.expiresAt = now + placeMs;
    else queue.push({ requestId, expiresAt: now + placeMs });
    this.#turns.set(key, waits ? queue : queue.slice(1));
    return !waits;
  }

  #isOccupied(tenant: string, recordId: string | null, but: string, by: readonly State[] = OCCUPIES): boolean {
    return this.#all().some(
      (one) =>
        one.tenant === tenant &&
        one.recordId === recordId &&
        one.serialized &&
        one.requestId !== but &&
        by.includes(one.state),
    );
  }

  async apply(transition: Transition): Promise<ApplyAnswer> {
    const { from, ownerToken, sends, notAfter } = transition;
    const row = this.#rows.get(keyOf(from.tenant, from.requestId));
    if (!row) return { kind: "stale", receipt: null };
    const now = this.#now();
    const { receipt } = row;
    const unchanged =
      receipt.version === from.version &&
      receipt.state === from.state &&
      receipt.fencingToken === from.fencingToken &&
      (!transition.requiresLapse || (receipt.dueAt !== null && receipt.dueAt <= now)) &&
      (notAfter === null || now <= notAfter);
    if (unchanged && sends) {
      const halt = this.#haltFor(from);
      if (halt) return { kind: "halted", receipt: this.#read(row), halt };
      // Whoever is in doubt has the record; after a restore several can be, and none of them waits for another's doubt.
      const by = OCCUPIES.includes(from.state) ? (["running"] as const) : OCCUPIES;
      const waits = from.serialized && this.#isOccupied(from.tenant, from.recordId, from.requestId, by);
      if (waits) return { kind: "busy", receipt: this.#read(row) };
    }
    if (unchanged) {
      row.receipt = advance({ ...transition, from: receipt }, now);
      row.ownerToken = ownerToken;
      this.#alsoWritten(transition, row.receipt);
    } else if (receipt.version !== from.version + 1 || row.ownerToken !== ownerToken) {
      return { kind: "stale", receipt: this.#read(row) };
    }
    const written = this.#read(row);
    const claimed = sends && written.state === "running";
    return { kind: "applied", receipt: written, claim: claimed ? grantClaim(written, ownerToken) : null };
  }

  #alsoWritten(transition: Transition, receipt: Receipt): void {
    const { halts: order, tells } = transition;
    if (transition.event === "expire") this.#forgetStates(receipt);
    this.#append(transitionLine(transition, receipt), receipt.updatedAt);
    if (order) this.#halt(order);
    if (!tells) return;
    const { tenant, requestId, action, recordId, runId, version, updatedAt: at } = receipt;
    const id = notificationId(tells.kind, tenant, requestId, version);
    this.#tell({ id, tenant, requestId, action, recordId, runId, ...tells, at });
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
      .filter((receipt) => receipt.dueAt !== null && receipt.dueAt <= now && this.#canMove(receipt, actions))
      .sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0))
      .slice(0, query.limit);
  }

  #canMove(receipt: Receipt, actions: ReadonlySet<string>): boolean {
    const { tenant, requestId, recordId, state, action, capability, serialized } = receipt;
    switch (state) {
      case "running":
        return true;
      case "in_doubt":
        if (capability === "none") return true;
        if (!actions.has(action)) return false;
        if (capability !== "downstream_key") return true;
        return !this.#haltFor(receipt) && !(serialized && this.#isOccupied(tenant, recordId, requestId, ["running"]));
      case "held":
      case "retry_wait":
        if (!actions.has(action) || this.#haltFor(receipt)) return false;
        return !(serialized && this.#isOccupied(tenant, recordId, requestId));
      default:
        return false;
    }
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
          (query.caseId === undefined || receipt.caseId === query.caseId) &&
          (query.keyId === undefined || receipt.keyId === query.keyId) &&
          (query.conflict === undefined || receipt.conflict) &&
          (query.updatedBefore === undefined || receipt.updatedAt < query.updatedBefore) &&
          (after === undefined || newestFirst(receipt, after) > 0),
      )
      .sort(query.order === "longest_due" ? longestDueFirst : newestFirst)
      .slice(0, query.limit);
  }

  async append(entry: NewLogEntry): Promise<void> {
    this.#append(entry, this.#now());
  }

  async log(tenant: string, requestId: string): Promise<readonly LogEntry[]> {
    return [...(this.#histories.get(keyOf(tenant, requestId)) ?? [])];
  }

  async searchLog(query: LogQuery): Promise<readonly LogEntry[]> {
    const found = this.#log.filter((entry) => isAskedFor(entry, query));
    return (query.order === "oldest" ? found : found.reverse()).slice(0, query.limit);
  }

  async halt(order: HaltOrder): Promise<Halt> {
    return this.#halt(order);
  }

  #halt(order: HaltOrder): Halt {
    const { tenant, scope, id, reason } = order;
    const known = this.#halts.find(
      (one) => one.resumedAt === null && one.tenant === tenant && one.scope === scope && one.id === id,
    );
    if (known) return known;
    const at = this.#now();
    const halt = { ...order, haltedAt: at, resumedAt: null, resumedBy: null, resumeReason: null };
    this.#halts.push(halt);
    this.#append(haltLine(order, "halted"), at);
    this.#tell({
      id: notificationId("halted", tenant, scope, id, at),
      kind: "halted",
      route: reason === "security" ? "security" : "operator",
      tenant,
      requestId: null,
      action: scope === "action" ? id : null,
      recordId: null,
      runId: scope === "run" ? id : null,
      reason,
      at,
    });
    return halt;
  }

  async resume(
    tenant: string,
    scope: HaltScope,
    id: string,
    by: { readonly actor: string; readonly reason: string },
  ): Promise<Halt | null> {
    const n = this.#halts.findIndex(
      (one) => one.resumedAt === null && one.tenant === tenant && one.scope === scope && one.id === id,
    );
    const halt = this.#halts[n];
    if (!halt) return null;
    const resumed = { ...halt, resumedAt: this.#now(), resumedBy: by.actor, resumeReason: by.reason };
    this.#halts[n] = resumed;
    this.#append(haltLine({ ...halt, ...by }, "resumed"), this.#now());
    return resumed;
  }

  async halts(query: HaltQuery): Promise<readonly Halt[]> {
    return this.#halts
      .filter((one) => query.tenant === undefined || one.tenant === query.tenant)
      .filter((one) => !query.inForce || one.resumedAt === null)
      .sort((a, b) => b.haltedAt - a.haltedAt)
      .slice(0, query.limit);
  }

  async haltFor(subject: HaltSubject): Promise<Halt | null> {
    return this.#haltFor(subject);
  }

  #haltFor(subject: HaltSubject): Halt | null {
    const inForce = this.#halts.filter((one) => one.resumedAt === null && halts(one, subject));
    // A tenant's before a run's before an action's, as the SQL stores answer.
    return inForce.sort((a, b) => (a.scope < b.scope ? 1 : -1))[0] ?? null;
  }

  async findCase(tenant: string, id: string): Promise<StoredCase | null> {
    return this.#cases.get(keyOf(tenant, id)) ?? null;
  }

  async saveCase(stored: StoredCase): Promise<StoredCase | null> {
    const { tenant, case: value } = stored;
    const key = keyOf(tenant, value.id);
    if ((this.#cases.get(key)?.version ?? 0) !== stored.version) return null;
    const saved = { ...stored, version: stored.version + 1 };
    this.#cases.set(key, saved);
    for (const row of this.#rows.values()) {
      const { receipt } = row;
      const waits = receipt.state === "held" && receipt.reason === WAITS_FOR_CASE;
      if (waits && receipt.tenant === tenant && receipt.caseId === value.id) {
        row.receipt = { ...receipt, dueAt: this.#now() };
      }
    }
    return saved;
  }

  async takeNotifications(query: Parameters<Store["takeNotifications"]>[0]): Promise<readonly TakenNotification[]> {
    const now = this.#now();
    return [...this.#notifications.values()]
      .filter((one) => one.dueAt <= now && query.routes.includes(one.told.route))
      .sort((a, b) => a.dueAt - b.dueAt || oldestFirst(a.told, b.told))
      .slice(0, query.limit)
      .sort((a, b) => oldestFirst(a.told, b.told))
      .map((one) => {
        one.dueAt = now + query.leaseMs;
        one.deliveries += 1;
        return { notification: one.told, deliveries: one.deliveries };
      });
  }

  async settleNotification(id: string, againInMs: number | null): Promise<void> {
    const one = this.#notifications.get(id);
    if (!one) return;
    if (againInMs === null) this.#notifications.delete(id);
    else one.dueAt = this.#now() + againInMs;
  }

  #tell(told: Notification): void {
    if (!this.#notifications.has(told.id)) {
      this.#notifications.set(told.id, { told, dueAt: told.at, deliveries: 0 });
    }
  }

  async now(): Promise<number> {
    return this.#now();
  }

  async epoch(): Promise<Epoch | null> {
    return this.#epoch();
  }

  #epoch(): Epoch | null {
    const last = this.#epochs.at(-1);
    if (!last || !this.#epochInForce || (last.until !== null && last.until <= this.#now())) return null;
    return last;
  }

  async startEpoch(order: EpochOrder): Promise<Epoch> {
    const now = this.#now();
    const known = this.#epoch();
    if (known && isAskedAgain(known, order)) return known;
    const epoch: Epoch = {
      number: this.#epochs.length + 1,
      backupAt: known ? Math.min(known.backupAt, order.backupAt) : order.backupAt,
      restoredAt: now,
      until: order.lastsMs === null ? null : now + order.lastsMs,
      actor: order.actor,
      reason: order.reason,
    };
    this.#epochs = [...this.#epochs, epoch];
    this.#epochInForce = true;
    return epoch;
  }

  async endEpoch(): Promise<Epoch | null> {
    const epoch = this.#epoch();
    this.#epochInForce = false;
    return epoch;
  }

  async close(): Promise<void> {}

  #row(tenant: string, id: string): Row | undefined {
    const key = keyOf(tenant, id);
    return this.#rows.get(key) ?? this.#rows.get(this.#explicit.get(key) ?? "");
  }

  #all(): Receipt[] {
    return [...this.#rows.values()].map((row) => this.#read(row));
  }

  #read(row: Row): Receipt {
    return { ...row.receipt, readAt: this.#now() };
  }

  #forgetStates({ tenant, requestId }: Receipt): void {
    const key = keyOf(tenant, requestId);
    const history = this.#histories.get(key) ?? [];
    for (const [n, entry] of history.entries()) {
      if (entry.before === null && entry.after === null) continue;
      const forgotten = { ...entry, before: null, after: null };
      history[n] = forgotten;
      this.#log[entry.seq - 1] = forgotten;
    }
  }

  #append(line: NewLogEntry, at: number): void {
    const entry: LogEntry = { seq: this.#log.length + 1, ...line, at };
    this.#log.push(entry);
    if (entry.requestId === null) return;
    const key = keyOf(entry.tenant, entry.requestId);
    const entries = this.#histories.get(key);
    if (entries) entries.push(entry);
    else this.#histories.set(key, [entry]);
  }
}

function isAskedFor(entry: LogEntry, query: LogQuery): boolean {
  const { events, since, until, after, order, limit: _limit, ...equal } = query;
  return (
    Object.entries(equal).every(([field, value]) => value === undefined || entry[field as keyof LogEntry] === value) &&
    (events === undefined || events.includes(entry.event)) &&
    (since === undefined || entry.at >= since) &&
    (until === undefined || entry.at < until) &&
    (after === undefined || (order === "oldest" ? entry.seq > after : entry.seq < after))
  );
}

function answerFor(receipt: Receipt, ownerToken: string): ClaimAnswer {
  return receipt.state === "running"
    ? { kind: "claimed", claim: grantClaim(receipt, ownerToken) }
    : { kind: "recorded", receipt };
}

/** It runs, or its attempt may still arrive: it has its record. */
const OCCUPIES: readonly State[] = ["running", "in_doubt"];

/** Whatever has been done, or may still be. */
function mayBeAnEffect({ state, reason }: Receipt): boolean {
  const settled = state === "expired" ? reason : state;
  return settled !== "failed" && settled !== "denied";
}

function keyOf(tenant: string, requestId: string): string {
  return `${tenant}\u0000${requestId}`;
}

type Position = Pick<Receipt, "createdAt" | "requestId" | "tenant">;

/** By creation, the latest first; equal times by request id and tenant, so that paging is stable. */
function newestFirst(a: Position, b: Position): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  if (a.requestId !== b.requestId) return a.requestId < b.requestId ? 1 : -1;
  return a.tenant < b.tenant ? 1 : a.tenant > b.tenant ? -1 : 0;
}

function oldestFirst(a: Notification, b: Notification): number {
  return a.at - b.at || (a.id < b.id ? -1 : 1);
}

function longestDueFirst(a: Receipt, b: Receipt): number {
  const [first, second] = [a.dueAt ?? Number.POSITIVE_INFINITY, b.dueAt ?? Number.POSITIVE_INFINITY];
  return first === second ? -newestFirst(a, b) : first - second;
}
