import { isTerminal } from "../../src/core/receipt.ts";
import { DEFAULT_TENANT } from "../../src/pipeline/identify.ts";
import type { Agents } from "./agents.ts";
import type { Crowd } from "./crowd.ts";
import type { Life } from "./life.ts";
import type { Account, Effect } from "./world.ts";

/** Who speaks about finality cases. In the end they are of one mind. */
const SOURCES = ["scores", "press"] as const;

/** Sweepers, operators and providers. What they say is true, or they say nothing. */
export class Operators {
  readonly #crowd: Crowd;
  readonly #agents: Agents;
  #signals = 0;

  constructor(crowd: Crowd, agents: Agents) {
    this.#crowd = crowd;
    this.#agents = agents;
    crowd.oracle.onEffect = (account, effect) => this.#providerTells(account, effect);
  }

  start(): void {
    const crowd = this.#crowd;
    const { peopleEveryMs, haltedAt, forgetsAt, guard, processes } = crowd.scenario;
    for (const at of haltedAt) crowd.at(at, (life) => this.#halts(life));
    if (forgetsAt !== null) {
      crowd.at(forgetsAt, (life) => crowd.does("expire", life.guard.expire({ olderThan: 0 })));
    }
    if (guard.sweepEvery === false) {
      crowd.every(crowd.random.pick([500, 2_000, 5_000]) * processes, (life) => this.#sweeps(life));
    }
    crowd.every(peopleEveryMs, (life) => this.#round(life));
  }

  /** From here on everybody does their best to bring everything to an end. */
  finish(): void {
    const crowd = this.#crowd;
    crowd.calm = true;
    crowd.every(1_500, (life) => {
      if (!crowd.isAnythingOpen()) return;
      this.#sweeps(life);
      this.#round(life);
    });
  }

  #sweeps(life: Life): void {
    this.#crowd.does("sweep", life.guard.reconcile());
  }

  #halts(life: Life): void {
    const { random, scenario } = this.#crowd;
    const intent = random.pick(scenario.intents);
    const [scope, id] = random.pick([
      ["action", intent.action.name],
      ["tenant", DEFAULT_TENANT],
      ["run", intent.run ?? "run-1"],
    ] as const);
    const by = { actor: "operator", reason: "something is odd" };
    this.#crowd.does(`halt ${scope} ${id}`, life.guard.halt(scope, id, by));
  }

  /** A look at everything that waits for a person. */
  #round(life: Life): void {
    const { random, calm, scenario } = this.#crowd;
    this.#looksAround(life);
    if (calm || random.chance(0.4)) this.#crowd.does("resume all", this.#resumes(life));
    for (const caseId of new Set(scenario.intents.map((intent) => intent.caseId))) {
      if (caseId === null || !(calm || random.chance(0.4))) continue;
      if (!calm) this.#signal(life, caseId, random.pick(SOURCES), random.chance(0.1) ? "lost" : "won");
      else for (const source of SOURCES) this.#signal(life, caseId, source, "won");
    }
  }

  #signal(life: Life, caseId: string, source: string, outcome: "won" | "lost"): void {
    const at = this.#crowd.timeline.now;
    const signal = { id: `signal-${++this.#signals}`, source, outcome, confidence: 1, at };
    this.#crowd.does(`signal ${caseId} ${outcome}`, life.guard.case(caseId).signal(signal));
  }

  #looksAround(life: Life): void {
    const { random, calm, oracle } = this.#crowd;
    for (const { receipt } of [...oracle.seen.values()]) {
      const { requestId, state } = receipt;
      const bold = (chance: number): boolean => !calm && random.chance(chance);
      if (!isTerminal(state) && bold(0.05)) this.#providerCloses(requestId);
      if (!calm && random.chance(0.5)) continue;
      if (state === "held" && receipt.hold?.waitsFor === "approval") this.#decides(life, requestId);
      else if (state === "review") this.#resolves(life, requestId);
      else if (state === "in_doubt" && bold(0.2)) this.#resolves(life, requestId);
      else if (state === "failed" && bold(0.1)) this.#reopens(life, requestId);
      else if (!isTerminal(state) && bold(0.1)) this.#agents.reconciles(life, requestId);
    }
  }

  #decides(life: Life, requestId: string): void {
    const { random, oracle } = this.#crowd;
    const by = { actor: "operator", reason: "looked at it" };
    if (random.chance(0.15)) {
      this.#crowd.does(`deny ${requestId}`, life.guard.deny(requestId, by));
      return;
    }
    oracle.consented.add(requestId);
    this.#crowd.does(`approve ${requestId}`, life.guard.approve(requestId, by));
  }

  async #resumes(life: Life): Promise<void> {
    const by = { actor: "operator", reason: "it is fine" };
    for (const { scope, id } of await life.guard.halts({ inForce: true })) {
      this.#crowd.does(`resume ${scope} ${id}`, life.guard.resume(scope, id, by));
    }
  }

  #resolves(life: Life, requestId: string): void {
    this.#crowd.does(`resolve ${requestId}`, this.#resolve(life, requestId));
  }

  /** First the record, then the world, then the word: it is bound to the version that was there before she looked. */
  async #resolve(life: Life, requestId: string): Promise<void> {
    const { world, calm, random } = this.#crowd;
    const receipt = await life.guard.receipt(requestId);
    if (receipt?.state !== "review" && receipt?.state !== "in_doubt") return;
    const account = world.account(requestId);
    const effect = account.effects[0];
    if (effect === undefined && world.mayStillHappen(account)) return; // nobody can know yet
    // She takes her time, and the world goes on.
    await this.#crowd.passes(life, calm ? 0 : random.pick([0, 0, 700, 3_000]));
    const not = calm ? "did_not_happen" : random.pick(["did_not_happen", "retry"] as const);
    await life.guard.resolve(requestId, {
      decision: effect ? "happened" : not,
      actor: "operator",
      reason: "looked at the books",
      expectedVersion: receipt.version,
      ...(effect ? { result: effect.result } : {}),
    });
  }

  #reopens(life: Life, requestId: string): void {
    const reopen = async (): Promise<void> => {
      const receipt = await life.guard.receipt(requestId);
      if (receipt?.state !== "failed") return;
      const { version: expectedVersion } = receipt;
      await life.guard.reopen(requestId, { actor: "operator", reason: "once more", expectedVersion });
    };
    this.#crowd.does(`reopen ${requestId}`, reopen());
  }

  /** A provider tells what it has done, later and perhaps twice. */
  #providerTells({ requestId }: Account, effect: Effect): void {
    const { random, calm, timeline } = this.#crowd;
    if (calm || !random.chance(0.25)) return;
    for (let times = random.int(1, 2); times > 0; times--) {
      const named = random.chance(0.5) ? { idempotencyKey: effect.key } : {};
      const evidence = { answer: "happened", source: "webhook", result: effect.result, ...named } as const;
      this.#crowd.at(timeline.now + random.pick([5, 300, 5_000]), (life) =>
        this.#crowd.does(`evidence for ${requestId}`, life.guard.evidence(requestId, evidence)),
      );
    }
  }

  /** A provider closes a key for good, and tells that nothing was done under it. */
  #providerCloses(requestId: string): void {
    const { random, world, timeline } = this.#crowd;
    const idempotencyKey = world.close(world.account(requestId));
    if (idempotencyKey === null) return;
    const evidence = { answer: "did_not_happen", source: "webhook", idempotencyKey } as const;
    this.#crowd.at(timeline.now + random.pick([5, 1_000]), (life) =>
      this.#crowd.does(`evidence against ${requestId}`, life.guard.evidence(requestId, evidence)),
    );
  }
}
