import { isDeepStrictEqual } from "node:util";
import type { EffectContext } from "../../src/core/action.ts";
import type { Outcome } from "../../src/core/outcome.ts";
import type { ApplyAnswer, ClaimAnswer, LogEntry, Renewal, Store } from "../../src/core/ports.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Life, Look } from "./life.ts";
import { amountIn, type Call, problemWithOutcome, type Seen } from "./outcome-rules.ts";
import { problemWithChange } from "./record-rules.ts";
import { type ActionPlan, type Scenario, WOBBLE_MS } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";
import type { StoreCall, StoreWatch } from "./wire.ts";
import type { Account, Effect, SentPayload, World, WorldWatch } from "./world.ts";

const TENANT = "default";

/** Lines that carry the version of their record, and have not made it. */
const BESIDE: ReadonlySet<string> = new Set(["before", "replayed", "drift", "late_failure", "proposed", "mismatch"]);

/** What retention leaves of a line. */
function withoutStates(entry: LogEntry): LogEntry {
  return { ...entry, before: null, after: null };
}

/**
 * Knows the store and the world from behind the scenes, and holds every step against semantics.md. The rules that look
 * at one change of a record are in `record-rules.ts`; these here look at records, the world and what callers were told.
 */
export class Oracle implements StoreWatch, WorldWatch {
  readonly seen = new Map<string, Seen>();
  readonly consented = new Set<string>();
  world!: World;
  onEffect: (account: Account, effect: Effect) => void = () => undefined;
  readonly #actions: ReadonlyMap<string, ActionPlan>;
  readonly #haltLookMs: number;
  readonly #store: Store;
  readonly #timeline: Timeline;
  readonly #chronicle: Chronicle;
  readonly #touched = new Set<string>();
  readonly #checks: Promise<void>[] = [];
  readonly #dispatched = new Set<string>();
  readonly #executedTold = new Set<string>();

  constructor({ actions, guard }: Scenario, store: Store, timeline: Timeline, chronicle: Chronicle) {
    this.#actions = new Map(actions.map((action) => [action.name, action]));
    this.#haltLookMs = guard.haltLook;
    this.#store = store;
    this.#timeline = timeline;
    this.#chronicle = chronicle;
  }

  /** After every step: whatever it changed. */
  async afterStep(): Promise<void> {
    while (this.#checks.length > 0) await this.#checks.shift();
    if (this.#touched.size === 0) return;
    for (const requestId of this.#touched) await this.#checkRecord(requestId);
    this.#touched.clear();
  }

  committed(call: StoreCall, answer: unknown): void {
    const { verb, args, life } = call;
    switch (verb) {
      case "claim": {
        const { requestId } = args[0] as { requestId: string };
        const claimed = answer as ClaimAnswer;
        this.#touched.add("receipt" in claimed ? claimed.receipt.requestId : requestId);
        if (claimed.kind === "claimed") this.#granted(life, claimed.claim.receipt);
        this.#chronicle.count(`claim ${claimed.kind}`);
        break;
      }
      case "apply": {
        const { from, event } = args[0] as { from: Receipt; event: string };
        const applied = answer as ApplyAnswer;
        this.#touched.add(from.requestId);
        if (applied.kind === "applied" && applied.claim) this.#granted(life, applied.claim.receipt);
        this.#chronicle.count(applied.kind === "applied" ? `event ${event}` : `apply ${applied.kind}`);
        if (this.#chronicle.lines && applied.kind !== "applied") {
          this.#chronicle.note("store", `${life.name} ${event} ${from.requestId}: ${applied.kind}`);
        }
        break;
      }
      case "renew":
        this.#renewed(args[0] as readonly Renewal[], answer as readonly Renewal[]);
        break;
      case "append":
        this.#touched.add((args[0] as LogEntry).requestId ?? "");
        break;
      case "haltFor":
        this.#looked(life, args[0] as Receipt);
        break;
      case "saveCase":
        for (const requestId of this.seen.keys()) this.#touched.add(requestId);
        break;
      case "halt":
      case "resume":
        if (this.#chronicle.lines) this.#chronicle.note("store", `${verb} ${JSON.stringify(args)}`);
        break;
    }
  }

  /** The store answered that it is ours, and so that nothing halts it: at its commit, however often it is asked. */
  #granted(life: Life, receipt: Receipt): void {
    const { requestId, version } = receipt;
    const seen = this.seen.get(requestId);
    const repeated = seen?.receipt.version === version;
    const at = repeated ? seen.changedAt : this.#timeline.now;
    const known = life.looks.get(requestId);
    // A try that is applied late says nothing new.
    if (known === undefined || known.at < at || (known.at === at && !known.last)) {
      life.looks.set(requestId, { at, last: false, deliveredAt: null, slackMs: repeated ? 2 * WOBBLE_MS : 0 });
    }
    if (repeated) return;
    this.#check(
      this.#store.haltFor(receipt).then((halt) => {
        if (halt)
          this.#chronicle.violate("a halt counts in the commit of a claim", `${requestId}: ${halt.scope} ${halt.id}`);
      }),
    );
  }

  /** What the store knows at that moment counts, whatever it says. */
  #looked(life: Life, subject: Receipt): void {
    const at = this.#timeline.now;
    this.#check(
      this.#store.haltFor(subject).then((halt) => {
        if (halt === null) life.looks.set(subject.requestId, { at, last: true, deliveredAt: null, slackMs: 0 });
      }),
    );
  }

  #renewed(asked: readonly Renewal[], refused: readonly Renewal[]): void {
    for (const renewal of asked) {
      const { requestId, fencingToken } = renewal;
      this.#touched.add(requestId);
      const receipt = this.seen.get(requestId)?.receipt;
      if (refused.includes(renewal)) continue;
      if (receipt?.state === "running" && receipt.fencingToken === fencingToken) continue;
      this.#chronicle.violate("only the owner renews", `${requestId}#${fencingToken}, it is ${receipt?.state}`);
    }
  }

  heard({ life, verb, args, askedAt }: StoreCall, answered: boolean): void {
    const { now } = this.#timeline;
    if (verb === "renew") {
      if (life.renewedNow.at !== now) life.renewedNow.askedAt.length = 0;
      life.renewedNow.at = now;
      life.renewedNow.askedAt.push(askedAt);
    }
    if (verb !== "haltFor" || !answered) return;
    const look = life.looks.get((args[0] as { requestId?: string }).requestId ?? "");
    if (look?.last) look.deliveredAt ??= now;
  }

  happened(account: Account, effect: Effect): void {
    this.#touched.add(account.requestId);
    this.#chronicle.count("effect");
    const { requestId, effects } = account;
    if (effects.length > 1) {
      this.#chronicle.violate(
        "one effect per intent",
        `${requestId}: ${effects.map((one) => one.result.effect).join(", ")}`,
      );
    }
    const { action, payload } = effect;
    for (const other of this.world.accounts.values()) {
      const theirs = other.effects[0];
      if (other === account || theirs === undefined || theirs.action !== action) continue;
      if (payload.case !== undefined && theirs.payload.case === payload.case) {
        this.#chronicle.violate("one effect per finality case", `${payload.case}: ${requestId}, ${other.requestId}`);
      }
      const again = this.seen.get(requestId)?.again || this.seen.get(other.requestId)?.again;
      if (action.dedup === "skip" && !again && theirs.payload.record === payload.record) {
        this.#chronicle.violate("one effect per record and window", `${requestId}, ${other.requestId}`);
      }
    }
    this.onEffect(account, effect);
  }

  /** The guard calls the action's code: from here on it may happen. */
  dispatched(
    life: Life,
    action: ActionPlan,
    payload: SentPayload,
    context: EffectContext,
    call: Call | undefined,
  ): void {
    const { requestId, fencingToken: fence } = context;
    const { now } = this.#timeline;
    const violate = (rule: string, what: string): void => {
      this.#chronicle.violate(rule, `${requestId}#${fence} by ${life.name}: ${what}`);
    };
    if (this.#chronicle.lines) {
      this.#chronicle.note(
        life.name,
        `sends ${requestId}#${fence} (generation key ${context.idempotencyKey.slice(0, 4)}) for ${call?.name ?? "a sweep"}`,
      );
    }
    call?.sent.push(fence);
    if (this.#dispatched.has(`${requestId}#${fence}`)) violate("each claim is sent once", "again");
    this.#dispatched.add(`${requestId}#${fence}`);
    if (life.pending.has(requestId))
      violate("retries are serial in a process", `while #${life.pending.get(requestId)} is open`);
    if (action.needsApproval && !this.consented.has(requestId))
      violate("nothing is sent without consent", "nobody agreed");
    const look = life.looks.get(requestId);
    this.#check(
      Promise.all([this.#store.find(TENANT, requestId), this.#haltFor(requestId)]).then(([receipt, halt]) => {
        if (receipt?.state !== "running" || receipt.fencingToken !== fence) {
          violate("what is sent is claimed", `the record is ${receipt?.state} #${receipt?.fencingToken}`);
          return;
        }
        if (receipt.dispatched === false) violate("the mark comes first", "it is not marked");
        if (amountIn(receipt) !== payload.amount)
          violate("what was claimed is what is sent", `amount ${payload.amount}`);
        // Half of the margin is for what came between the grant and the send.
        const knownUntil = receipt.generationAt + (action.key?.lifetimeMs ?? 0) - (action.key?.marginMs ?? 0) / 2;
        if (action.key !== null && receipt.mayHaveApplied && receipt.readAt > knownUntil + 2 * WOBBLE_MS) {
          violate("a key is used while it is known", `${receipt.readAt - knownUntil} ms too late`);
        }
        if (halt === null) return;
        const quick = look !== undefined && now - look.at <= this.#haltLookMs + look.slackMs;
        if (!quick && !followsItsLook(life, look, now)) {
          violate("nothing is sent after a halt", `${halt.scope} ${halt.id}; its last look was at ${look?.at} ms`);
        }
      }),
    );
    if (payload.case === undefined) return;
    this.#check(
      this.#store.findCase(TENANT, payload.case).then((stored) => {
        const { state, takenBy } = stored?.case ?? {};
        if (state !== "FINAL" || takenBy !== requestId)
          violate("nothing is sent before its case is final", `it is ${state}`);
      }),
    );
  }

  async #haltFor(requestId: string) {
    const receipt = await this.#store.find(TENANT, requestId);
    return receipt && this.#store.haltFor(receipt);
  }

  /** What a caller was told has to be true, now. */
  told(call: Call, outcome: Outcome): void {
    call.answered = true;
    this.#chronicle.count(`outcome ${outcome.status}`);
    if (this.#chronicle.lines) this.#chronicle.note(call.name, `${outcome.requestId} is ${outcome.status}`);
    const seen = this.seen.get(call.requestId);
    const problem = problemWithOutcome(call, outcome, this.world, seen);
    if (problem)
      this.#chronicle.violate("what callers are told is true", `${call.name} (${call.requestId}): ${problem}`);
    if (outcome.status !== "executed") return;
    if (this.#executedTold.has(call.requestId)) {
      this.#chronicle.violate("one caller hears that it executed", `${call.name} (${call.requestId}) is the second`);
    }
    this.#executedTold.add(call.requestId);
  }

  #check(check: Promise<void>): void {
    this.#checks.push(check);
  }

  async #checkRecord(requestId: string): Promise<void> {
    const receipt = await this.#store.find(TENANT, requestId);
    if (receipt === null) return;
    const log = await this.#store.log(TENANT, requestId);
    const before = this.seen.get(requestId) ?? null;
    const violate = (rule: string, what: string): void => this.#chronicle.violate(rule, `${requestId}: ${what}`);
    const kept = before?.log ?? [];
    const isKept = (entry: LogEntry, n: number) =>
      log[n] === entry || (receipt.state === "expired" && isDeepStrictEqual(log[n], withoutStates(entry)));
    if (log.length < kept.length || !kept.every(isKept)) violate("the log is append-only", "it changed");
    const changed = before?.receipt.version !== receipt.version;
    const isChange = ({ version, state, event }: LogEntry) =>
      version === receipt.version && state !== null && !BESIDE.has(event);
    const entry = changed ? log.findLast(isChange) : undefined;
    if (changed && this.#chronicle.lines) {
      const { state, version, fencingToken, attemptNumber, dueAt, readAt, mayHaveApplied } = receipt;
      const due = dueAt === null ? "" : `, due in ${dueAt - readAt} ms`;
      this.#chronicle.note(
        "store",
        `${requestId} ${before?.receipt.state ?? "absent"} -> ${state} by ${entry?.event}: v${version} #${fencingToken} attempt ${attemptNumber}${mayHaveApplied ? ", may have applied" : ""}${due} ${entry?.detail ?? ""}`,
      );
    }
    const finding = problemWithChange(before?.receipt ?? null, receipt, entry, this.#actions.get(receipt.action));
    if (finding) violate(...finding);
    const again =
      before?.again || entry?.event === "reopen" || entry?.event === "approve" || entry?.event === "resolve";
    this.seen.set(requestId, {
      receipt,
      log,
      changedAt: changed ? this.#timeline.now : (before?.changedAt ?? 0),
      again: again ?? false,
    });
    if (changed) this.#chronicle.count(`state ${receipt.state}`);
    this.#checkAgainstWorld(receipt, violate);
    if (receipt.serialized) this.#checkTurn(receipt, violate);
  }

  #checkAgainstWorld(receipt: Receipt, violate: (rule: string, what: string) => void): void {
    const { state, reason, requestId, mayHaveApplied, conflict } = receipt;
    const account = this.world.account(requestId);
    const happened = account.effects.length;
    if (conflict) violate("no false alarm", `a conflict, with ${happened} effects and nobody who lies`);
    const settled = state === "expired" ? reason : state;
    if (settled === "succeeded") {
      if (happened !== 1) violate("succeeded means that it has happened", `${happened} effects`);
      return;
    }
    if (happened === 0 && !this.world.mayStillHappen(account)) return;
    const what = happened > 0 ? "it has happened" : "what was sent may still arrive";
    if (settled === "failed" || settled === "denied") violate(`${settled} means that it never happens`, what);
    else if (state === "retry_wait" || state === "held") violate(`nothing has happened while ${state}`, what);
    else if (state !== "running" && !mayHaveApplied) violate("mayHaveApplied is honest", `${state}: ${what}`);
  }

  #checkTurn(receipt: Receipt, violate: (rule: string, what: string) => void): void {
    const occupies = ({ state }: Receipt): boolean => state === "running" || state === "in_doubt";
    if (!occupies(receipt)) return;
    for (const { receipt: other } of this.seen.values()) {
      if (other.requestId === receipt.requestId || !other.serialized || other.recordId !== receipt.recordId) continue;
      if (occupies(other)) violate("one at a time on a serialised record", `beside ${other.requestId}`);
    }
  }
}

/** Between its last look and the send there was nothing but the answer to it, and perhaps a renewal of the lease. */
function followsItsLook({ renewedNow }: Life, look: Look | undefined, now: number): boolean {
  if (!look?.last || look.deliveredAt === null) return false;
  return look.deliveredAt === now || (renewedNow.at === now && renewedNow.askedAt.includes(look.deliveredAt));
}
