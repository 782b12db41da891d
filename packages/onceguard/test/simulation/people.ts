import type { Outcome } from "../../src/core/outcome.ts";
import { deriveRequestId, keyParts } from "../../src/core/request-id.ts";
import { OnceguardError } from "../../src/core/errors.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import { isTerminal } from "../../src/core/receipt.ts";
import { DEFAULT_TENANT } from "../../src/pipeline/identify.ts";
import { sha256 } from "../../src/pipeline/digest.ts";
import { servedCall } from "./actions.ts";
import type { Chronicle } from "./chronicle.ts";
import type { Life } from "./life.ts";
import type { Call, Oracle } from "./oracle.ts";
import type { Random } from "./random.ts";
import type { Intent, Scenario } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";
import type { Account, Effect, SentPayload, World } from "./world.ts";

/** What people may be told when they decide something; everything else is a bug. */
const MAY_BE_TOLD: ReadonlySet<string> = new Set([
  "store_unavailable",
  "version_conflict",
  "not_resolvable",
  "receipt_not_found",
  "case_refused",
]);

/** Who speaks about finality cases. In the end they are of one mind. */
const SOURCES = ["scores", "press"] as const;

/** Agents, sweepers, operators and providers: everybody who has a guard do something. */
export class People {
  readonly calls: Call[] = [];
  /** Nothing of what they do by chance any more. */
  calm = false;
  readonly #scenario: Scenario;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #chronicle: Chronicle;
  readonly #oracle: Oracle;
  readonly #world: World;
  readonly #lives: () => readonly Life[];
  #signals = 0;

  constructor(
    scenario: Scenario,
    timeline: Timeline,
    random: Random,
    chronicle: Chronicle,
    oracle: Oracle,
    world: World,
    lives: () => readonly Life[],
  ) {
    this.#scenario = scenario;
    this.#timeline = timeline;
    this.#random = random;
    this.#chronicle = chronicle;
    this.#oracle = oracle;
    this.#world = world;
    this.#lives = lives;
    oracle.onEffect = (account, effect) => this.#providerTells(account, effect);
  }

  start(): void {
    const { intents, peopleEveryMs, haltedAt, forgetsAt, guard, processes } = this.#scenario;
    for (const intent of intents) {
      for (const at of intent.askedAt) this.#at(at, (life) => this.#agent(life, intent, 2));
      if (this.#random.chance(0.2)) this.#at(intent.askedAt[0] ?? 0, (life) => this.#proposes(life, intent));
    }
    for (const at of haltedAt) this.#at(at, (life) => this.#halts(life));
    if (forgetsAt !== null) this.#at(forgetsAt, (life) => this.#does("expire", life.guard.expire({ olderThan: 0 })));
    if (guard.sweepEvery === false) this.#every(this.#random.pick([500, 2_000, 5_000]) * processes, (life) => this.#sweeps(life));
    this.#every(peopleEveryMs, (life) => this.#operator(life));
  }

  /** From here on everybody does their best to bring everything to an end. */
  finish(): void {
    this.calm = true;
    for (const intent of this.#scenario.intents) {
      if (this.#random.chance(0.5)) this.#at(this.#timeline.now, (life) => this.#agent(life, intent, 0));
    }
    this.#every(1_500, (life) => {
      if (!this.#isAnythingOpen()) return;
      this.#sweeps(life);
      this.#operator(life);
    });
  }

  #isAnythingOpen(): boolean {
    for (const { receipt } of this.#oracle.seen.values()) if (!isTerminal(receipt.state)) return true;
    return this.calls.some((call) => !call.answered && call.life.alive);
  }

  /** One more call for each intent, by whoever is there; what it hears has to be the end of the story. */
  asksAgain(): void {
    for (const intent of this.#scenario.intents) this.#at(this.#timeline.now, (life) => this.#agent(life, intent, 0));
  }

  requestIdOf(intent: Intent): string {
    if (!intent.action.byKey) return intent.name;
    const payload = { id: intent.name };
    return deriveRequestId(sha256, DEFAULT_TENANT, intent.action.name, keyParts(intent.action.name, payload, ["id"]));
  }

  #at(time: number, deed: (life: Life) => void): void {
    this.#timeline.at(time, null, () => {
      const there = this.#lives().filter((life) => life.alive && !life.closing);
      if (there.length > 0) deed(this.#random.pick(there));
      else this.#at(this.#timeline.now + 250, deed);
    });
  }

  #every(ms: number, deed: (life: Life) => void): void {
    const calm = this.calm;
    const again = (): void => {
      // What they did by chance ends when things calm down.
      if (this.calm === calm) this.#at(this.#timeline.now + ms, once);
    };
    const once = (life: Life): void => {
      deed(life);
      again();
    };
    again();
  }

  /** Asks for its intent, in words of its own, and asks again on another day when it was put off. */
  #agent(life: Life, intent: Intent, patience: number): void {
    const random = this.#random;
    const other = !this.calm && random.chance(0.03);
    const payload = payloadOf(intent, other ? 2 : 1, random.int(1, 3));
    const context = {
      ...(intent.action.byKey && random.chance(0.7) ? {} : { requestId: intent.name }),
      ...(intent.run === null ? {} : { runId: intent.run }),
      ...(random.chance(0.3) ? { wait: random.pick([0, 300, 3_000]) } : {}),
      actor: "agent",
    };
    const call = this.#call(life, this.requestIdOf(intent), payload.amount);
    if (!this.calm && random.chance(0.08)) {
      const enqueued = servedCall.run(call, () => life.guard.enqueue(intent.action.name, payload as never, context));
      this.#answered(call, enqueued, intent, patience, true);
      return;
    }
    const leaves = !this.calm && random.chance(0.08) ? new AbortController() : null;
    if (leaves) this.#timeline.in(random.int(0, 500), life, () => leaves.abort());
    const asked = servedCall.run(call, () =>
      life.guard.execute(intent.action.name as never, payload as never, {
        ...context,
        ...(leaves ? { signal: leaves.signal } : {}),
      }),
    );
    this.#answered(call, asked, intent, patience, false);
  }

  #call(life: Life, requestId: string, amount: number | null): Call {
    const name = `call ${this.calls.length + 1}`;
    const call: Call = { name, requestId, amount, life, sent: [], answered: false };
    this.calls.push(call);
    if (this.#chronicle.lines) this.#chronicle.note(name, `asks ${life.name} for ${requestId}`);
    return call;
  }

  #answered(call: Call, asked: Promise<Outcome>, intent: Intent | null, patience: number, mayThrow: boolean): void {
    const again = (): void => {
      if (intent === null || patience <= 0 || this.calm) return;
      const inMs = this.#random.pick([10, 500, 4_000]);
      this.#at(this.#timeline.now + inMs, (life) => this.#agent(life, intent, patience - 1));
    };
    asked.then(
      (outcome) => {
        this.#oracle.told(call, outcome);
        if (!isSettled(outcome) && this.#random.chance(0.5)) again();
      },
      (error: unknown) => {
        call.answered = true;
        const expected = mayThrow && error instanceof OnceguardError && MAY_BE_TOLD.has(error.code);
        if (expected) again();
        else this.#chronicle.violate("calls throw for misuse only", `${call.name}: ${String(error)}`);
      },
    );
    // An agent whose process dies comes back.
    if (intent !== null && patience > 0 && this.#random.chance(0.6)) {
      this.#timeline.in(this.#random.pick([1_000, 5_000]), null, () => {
        if (!call.answered && !call.life.alive) again();
      });
    }
  }

  #proposes(life: Life, intent: Intent): void {
    const context = { requestId: intent.name, ...(intent.run === null ? {} : { runId: intent.run }), actor: "agent" };
    this.#does("propose", life.guard.propose(intent.action.name as never, payloadOf(intent, 1, 9) as never, context));
  }

  #sweeps(life: Life): void {
    this.#does("sweep", life.guard.reconcile());
  }

  #halts(life: Life): void {
    const { intents } = this.#scenario;
    const intent = this.#random.pick(intents);
    const by = { actor: "operator", reason: "something is odd" };
    const [scope, id] = this.#random.pick([
      ["action", intent.action.name],
      ["tenant", DEFAULT_TENANT],
      ["run", intent.run ?? "run-1"],
    ] as const);
    this.#does(`halt ${scope} ${id}`, life.guard.halt(scope, id, by));
  }

  /** Looks at everything that waits for a person. What she says is true, or she says nothing. */
  #operator(life: Life): void {
    const random = this.#random;
    this.#does("look at what is open", this.#looksAround(life));
    if (this.calm || random.chance(0.4)) this.#does("resume", this.#resumes(life));
    const { intents } = this.#scenario;
    for (const caseId of new Set(intents.map((intent) => intent.caseId))) {
      if (caseId === null || !(this.calm || random.chance(0.4))) continue;
      if (!this.calm) this.#signal(life, caseId, random.pick(SOURCES), random.chance(0.1) ? "lost" : "won");
      else for (const source of SOURCES) this.#signal(life, caseId, source, "won");
    }
  }

  #signal(life: Life, caseId: string, source: string, outcome: "won" | "lost"): void {
    const signal = { id: `signal-${++this.#signals}`, source, outcome, confidence: 1, at: this.#timeline.now };
    this.#does("signal", life.guard.case(caseId).signal(signal));
  }

  async #looksAround(life: Life): Promise<void> {
    const random = this.#random;
    for (const { receipt } of [...this.#oracle.seen.values()]) {
      const { requestId, state } = receipt;
      const careful = this.calm || random.chance(0.5);
      if (!careful) continue;
      if (state === "held" && receipt.hold?.waitsFor === "approval") this.#does("approve", this.#approves(life, requestId));
      else if (state === "review") this.#does("resolve", this.#resolves(life, requestId));
      else if (state === "in_doubt" && !this.calm && random.chance(0.2)) this.#does("resolve", this.#resolves(life, requestId));
      else if (state === "in_doubt" && !this.calm && random.chance(0.1)) this.#denies(receipt);
      else if (state === "failed" && !this.calm && random.chance(0.1)) this.#does("reopen", this.#reopens(life, requestId));
      else if (!isTerminal(state) && !this.calm && random.chance(0.1)) this.#reconciles(life, requestId);
    }
  }

  #reconciles(life: Life, requestId: string): void {
    const call = this.#call(life, requestId, null);
    this.#answered(call, servedCall.run(call, () => life.guard.reconcile(requestId)), null, 0, true);
  }

  async #approves(life: Life, requestId: string): Promise<void> {
    const by = { actor: "operator", reason: "looked at it" };
    if (this.#random.chance(0.15)) {
      await life.guard.deny(requestId, by);
      return;
    }
    this.#oracle.consented.add(requestId);
    await life.guard.approve(requestId, by);
  }

  async #resumes(life: Life): Promise<void> {
    const by = { actor: "operator", reason: "it is fine" };
    for (const { scope, id } of await life.guard.halts({ inForce: true })) {
      this.#does("resume", life.guard.resume(scope, id, by));
    }
  }

  /** First the record, then the world, then the word: it is bound to the version that was there before she looked. */
  async #resolves(life: Life, requestId: string): Promise<void> {
    const receipt = await life.guard.receipt(requestId);
    if (receipt?.state !== "review" && receipt?.state !== "in_doubt") return;
    const account = this.#world.account(requestId);
    const effect = account.effects[0];
    if (effect === undefined && this.#world.mayStillHappen(account)) return; // not now
    const decision = effect ? "happened" : this.calm ? "did_not_happen" : this.#random.pick(["did_not_happen", "retry"] as const);
    await life.guard.resolve(requestId, {
      decision,
      actor: "operator",
      reason: "looked at the books",
      expectedVersion: receipt.version,
      ...(effect ? { result: effect.result } : {}),
    });
  }

  async #reopens(life: Life, requestId: string): Promise<void> {
    const receipt = await life.guard.receipt(requestId);
    if (receipt?.state !== "failed") return;
    const { version: expectedVersion } = receipt;
    await life.guard.reopen(requestId, { actor: "operator", reason: "once more", expectedVersion });
  }

  /** A provider tells what it has done, later and perhaps twice. */
  #providerTells({ requestId }: Account, effect: Effect): void {
    const random = this.#random;
    if (this.calm || !random.chance(0.25)) return;
    for (let times = random.int(1, 2); times > 0; times--) {
      this.#at(this.#timeline.now + random.pick([5, 300, 5_000]), (life) => {
        const named = random.chance(0.5) ? { idempotencyKey: effect.key } : {};
        const evidence = { answer: "happened", source: "webhook", result: effect.result, ...named } as const;
        this.#does(`evidence ${requestId}`, life.guard.evidence(requestId, evidence));
      });
    }
  }

  /** A provider closes a key for good, and tells that nothing was done under it. */
  #denies({ requestId }: Receipt): void {
    const key = this.#world.close(this.#world.account(requestId));
    if (key === null) return;
    this.#at(this.#timeline.now + this.#random.pick([5, 1_000]), (life) => {
      const evidence = { answer: "did_not_happen", source: "webhook", idempotencyKey: key } as const;
      this.#does(`evidence against ${requestId}`, life.guard.evidence(requestId, evidence));
    });
  }

  #does(what: string, deed: Promise<unknown>): void {
    this.#chronicle.count(what.split(" ")[0] as string);
    if (this.#chronicle.lines) this.#chronicle.note("people", what);
    deed.catch((error: unknown) => {
      if (error instanceof OnceguardError && MAY_BE_TOLD.has(error.code)) return;
      this.#chronicle.violate("people are told what is wrong", `${what}: ${String(error)}`);
    });
  }
}

function payloadOf(intent: Intent, amount: number, note: number): SentPayload {
  const { name, record, caseId } = intent;
  return { id: name, record, amount, note: `words ${note}`, ...(caseId === null ? {} : { case: caseId }) };
}

function isSettled({ status }: Outcome): boolean {
  return status === "executed" || status === "replayed" || status === "failed" || status === "denied" || status === "mismatch";
}
