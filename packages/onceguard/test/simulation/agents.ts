import type { Outcome } from "../../src/core/outcome.ts";
import { deriveRequestId, keyParts } from "../../src/core/request-id.ts";
import { sha256 } from "../../src/pipeline/digest.ts";
import { DEFAULT_TENANT } from "../../src/pipeline/identify.ts";
import { servedCall } from "./actions.ts";
import { type Crowd, mayBeTold } from "./crowd.ts";
import type { Life } from "./life.ts";
import type { Call } from "./outcome-rules.ts";
import type { Intent } from "./scenario.ts";
import type { SentPayload } from "./world.ts";

/** Agents: they ask for what they intend, again and again, in other words each time, and through other processes. */
export class Agents {
  readonly #crowd: Crowd;

  constructor(crowd: Crowd) {
    this.#crowd = crowd;
  }

  start(): void {
    const crowd = this.#crowd;
    for (const intent of crowd.scenario.intents) {
      for (const at of intent.askedAt) crowd.at(at, (life) => this.#asks(life, intent, 2));
      if (crowd.random.chance(0.2)) crowd.at(intent.askedAt[0] ?? 0, (life) => this.#proposes(life, intent));
    }
  }

  /** One more call for each intent, or for about so many of them. */
  askAgain(share = 1): void {
    const crowd = this.#crowd;
    for (const intent of crowd.scenario.intents) {
      if (crowd.random.chance(share)) crowd.at(crowd.timeline.now, (life) => this.#asks(life, intent, 0));
    }
  }

  reconciles(life: Life, requestId: string): void {
    const call = this.#call(life, requestId, null);
    this.#hears(
      call,
      servedCall.run(call, () => life.guard.reconcile(requestId)),
      null,
      0,
      true,
    );
  }

  #asks(life: Life, intent: Intent, patience: number): void {
    const { random, calm, timeline } = this.#crowd;
    const { action } = intent;
    const other = !calm && random.chance(0.03);
    const payload = payloadOf(intent, other ? 2 : 1, random.int(1, 3));
    const wait = random.chance(0.3) ? { wait: random.pick([0, 300, 3_000]) } : {};
    const context = { ...contextOf(intent, action.byKey && random.chance(0.7)), ...wait };
    const call = this.#call(life, requestIdOf(intent), payload.amount);
    if (!calm && random.chance(0.08)) {
      const enqueued = servedCall.run(call, () => life.guard.enqueue(action.name, payload as never, context));
      this.#hears(call, enqueued, intent, patience, true);
      return;
    }
    const leaves = !calm && random.chance(0.08) ? new AbortController() : null;
    if (leaves) timeline.in(random.int(0, 500), life, () => leaves.abort());
    const signal = leaves ? { signal: leaves.signal } : {};
    const asked = servedCall.run(call, () =>
      life.guard.execute(action.name as never, payload as never, { ...context, ...signal }),
    );
    this.#hears(call, asked, intent, patience, false);
  }

  #call(life: Life, requestId: string, amount: number | null): Call {
    const { calls, chronicle } = this.#crowd;
    const call: Call = { name: `call ${calls.length + 1}`, requestId, amount, life, sent: [], answered: false };
    calls.push(call);
    if (chronicle.lines) chronicle.note(call.name, `asks ${life.name} for ${requestId}`);
    return call;
  }

  /** Whoever was put off asks again on another day; so does an agent whose process has died under it. */
  #hears(call: Call, asked: Promise<Outcome>, intent: Intent | null, patience: number, mayThrow: boolean): void {
    const { random, timeline, chronicle, oracle } = this.#crowd;
    const again = (): void => {
      if (intent === null || patience <= 0 || this.#crowd.calm) return;
      const inMs = random.pick([10, 500, 4_000]);
      this.#crowd.at(timeline.now + inMs, (life) => this.#asks(life, intent, patience - 1));
    };
    asked.then(
      (outcome) => {
        oracle.told(call, outcome);
        if (!SETTLED.has(outcome.status) && random.chance(0.5)) again();
      },
      (error: unknown) => {
        call.answered = true;
        if (mayThrow && mayBeTold(error)) again();
        else chronicle.violate("calls throw for misuse only", `${call.name}: ${String(error)}`);
      },
    );
    if (intent === null || patience <= 0 || !random.chance(0.6)) return;
    timeline.in(random.pick([1_000, 5_000]), null, () => {
      if (!call.answered && !call.life.alive) again();
    });
  }

  #proposes(life: Life, intent: Intent): void {
    const proposed = life.guard.propose(
      intent.action.name as never,
      payloadOf(intent, 1, 9) as never,
      contextOf(intent, false),
    );
    this.#crowd.does("propose", proposed);
  }
}

const SETTLED: ReadonlySet<Outcome["status"]> = new Set(["executed", "replayed", "failed", "denied", "mismatch"]);

function requestIdOf({ name, action }: Intent): string {
  if (!action.byKey) return name;
  return deriveRequestId(sha256, DEFAULT_TENANT, action.name, keyParts(action.name, { id: name }, ["id"]));
}

function contextOf({ name, run }: Intent, unnamed: boolean) {
  return { actor: "agent", ...(unnamed ? {} : { requestId: name }), ...(run === null ? {} : { runId: run }) };
}

function payloadOf({ name, record, caseId }: Intent, amount: number, note: number): SentPayload {
  return { id: name, record, amount, note: `words ${note}`, ...(caseId === null ? {} : { case: caseId }) };
}
