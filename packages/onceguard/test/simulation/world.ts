import type { EffectContext, ProbeAnswer } from "../../src/core/action.ts";
import type { Chronicle } from "./chronicle.ts";
import { type Answer, drawFate, errorOf } from "./fates.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";
import { type ActionPlan, NO_TROUBLES, type Troubles } from "./scenario.ts";
import type { Timeline } from "./timeline.ts";

/** A change in the outside world: what this is all about. */
export interface Effect {
  readonly at: number;
  readonly fence: number;
  readonly key: string;
  readonly action: ActionPlan;
  readonly payload: SentPayload;
  readonly result: { readonly effect: string };
}

export interface SentPayload {
  readonly id: string;
  readonly record: string;
  readonly amount: number;
  readonly note: string;
  readonly case?: string;
}

/** A request on its way to the outside world. */
interface Sent {
  readonly life: Life;
  readonly action: ActionPlan;
  readonly payload: SentPayload;
  readonly requestId: string;
  readonly fence: number;
  readonly key: string;
  /** It makes the effect when it gets there, unless it is refused. */
  readonly does: "effect" | "nothing";
}

/** What the outside world has in its books about one request of ours. */
export interface Account {
  readonly requestId: string;
  readonly effects: Effect[];
  readonly onTheWay: Set<Sent>;
  /** By a final "no", every send up to this fence comes to nothing. */
  refusedUpTo: number;
  /** Keys that the other side has closed without an effect. */
  readonly closed: Set<string>;
  readonly keys: Map<string, { readonly firstAt: number; effect: Effect | null; error: number | null }>;
  lastKey: string | null;
}

/** A connection on which nobody answers is given up by the operating system. */
export const SOCKET_DIES_MS = 90_000;

export interface WorldWatch {
  happened(account: Account, effect: Effect): void;
}

/** The outside world: its ledger is the only judge of what has happened. */
export class World {
  readonly accounts = new Map<string, Account>();
  troubles: Troubles;
  /** For tests of the harness: the other side does not dedupe as it documents (A2). */
  forgetsKeys = false;
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #chronicle: Chronicle;
  readonly #watch: WorldWatch;

  constructor(timeline: Timeline, random: Random, chronicle: Chronicle, watch: WorldWatch, troubles: Troubles) {
    this.#timeline = timeline;
    this.#random = random;
    this.#chronicle = chronicle;
    this.#watch = watch;
    this.troubles = troubles;
  }

  calm(): void {
    this.troubles = { ...NO_TROUBLES, longestWayMs: this.troubles.longestWayMs };
  }

  account(requestId: string): Account {
    const known = this.accounts.get(requestId);
    if (known) return known;
    const account: Account = {
      requestId,
      effects: [],
      onTheWay: new Set(),
      refusedUpTo: 0,
      closed: new Set(),
      keys: new Map(),
      lastKey: null,
    };
    this.accounts.set(requestId, account);
    return account;
  }

  /** Something that was sent may still make an effect that has not been made yet. */
  mayStillHappen(account: Account): boolean {
    for (const sent of account.onTheWay) {
      if (sent.does === "effect" && !isRefused(account, sent) && !account.keys.get(sent.key)?.effect) return true;
    }
    return false;
  }

  /** The effect was made by one of these sends, or may still be. */
  mayBeDoneBy(account: Account, fences: readonly number[]): boolean {
    if (account.effects.some((effect) => fences.includes(effect.fence))) return true;
    return this.mayStillHappen(account) && [...account.onTheWay].some((sent) => fences.includes(sent.fence));
  }

  /** The other side will never do it under its newest key, and says so to whoever asks it again. */
  close(account: Account): string | null {
    const { lastKey } = account;
    if (lastKey === null || account.effects.length > 0) return null;
    account.closed.add(lastKey);
    return lastKey;
  }

  send(life: Life, action: ActionPlan, payload: SentPayload, context: EffectContext): Promise<unknown> {
    const { requestId, fencingToken: fence, idempotencyKey: key, signal } = context;
    const account = this.account(requestId);
    account.lastKey = key;
    const fate = drawFate(this.#random, this.troubles, action);
    this.#chronicle.count(`world ${fate.kind}`);
    const sent: Sent = { life, action, payload, requestId, fence, key, does: fate.does };
    return new Promise((resolve, reject) => {
      const reply = (ms: number, how: Answer, effect: Effect | null): void => {
        const hear = (): void => {
          if (this.#chronicle.lines) this.#chronicle.note(life.name, `hears of ${requestId}#${fence}: ${how}`);
          if (how === "ok") resolve(effect?.result);
          else reject(errorOf(how));
        };
        this.#timeline.in(ms, life, hear, "answered");
      };
      if (fate.arrivesInMs !== null) {
        account.onTheWay.add(sent);
        this.#timeline.in(fate.arrivesInMs, null, () => {
          const [how, effect] = this.#arrive(account, sent, fate.reply);
          reply(fate.repliesInMs ?? SOCKET_DIES_MS, fate.repliesInMs === null ? "reset" : how, effect);
        });
      } else {
        reply(fate.repliesInMs ?? SOCKET_DIES_MS, fate.reply, null);
      }
      if (!fate.heedsAbort) return;
      const stop = (): void => reject(Object.assign(new Error("aborted"), { name: "AbortError" }));
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  #arrive(account: Account, sent: Sent, meant: Answer): [Answer, Effect | null] {
    const { requestId, fence, key, action, payload } = sent;
    const at = this.#timeline.now;
    account.onTheWay.delete(sent);
    if (isRefused(account, sent)) return this.#arrived(sent, "refused for good", 410, null);
    const keyed = action.key !== null && !this.forgetsKeys;
    const known = keyed ? account.keys.get(key) : undefined;
    if (known !== undefined && action.key !== null && at < known.firstAt + action.key.lifetimeMs) {
      if (known.error !== null) return this.#arrived(sent, "the error again", known.error, null);
      if (known.effect !== null) {
        return this.#arrived(
          sent,
          "known by its key",
          typeof meant === "number" && meant < 500 ? "ok" : meant,
          known.effect,
        );
      }
    }
    const entry = { firstAt: known?.firstAt ?? at, effect: null as Effect | null, error: null as number | null };
    if (keyed) account.keys.set(key, entry);
    if (action.key?.repeatsErrors && typeof meant === "number" && meant >= 500) entry.error = meant;
    if (sent.does === "nothing") return this.#arrived(sent, "not done", meant, null);
    const effect: Effect = { at, fence, key, action, payload, result: { effect: `${requestId}#${fence}` } };
    account.effects.push(effect);
    entry.effect = effect;
    const answer = this.#arrived(sent, "EFFECT", meant, effect);
    this.#watch.happened(account, effect);
    return answer;
  }

  #arrived(sent: Sent, what: string, reply: Answer, effect: Effect | null): [Answer, Effect | null] {
    if (this.#chronicle.lines) this.#chronicle.note("world", `${sent.requestId}#${sent.fence} ${what}`);
    return [reply, effect];
  }

  /** A look at the record, before anything is sent. */
  look(life: Life): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const troubled = this.#random.chance(this.troubles.world);
      this.#timeline.in(troubled ? this.#random.int(1, 4_000) : this.#random.int(1, 10), life, () => {
        if (troubled && this.#random.chance(0.3)) reject(errorOf("reset"));
        else resolve({ state: troubled && this.#random.chance(0.1) ? "closed" : "open" });
      });
    });
  }

  /** True answers: "no" is final, or says what can be seen by now. */
  probe(life: Life, action: ActionPlan, context: EffectContext): Promise<ProbeAnswer<unknown>> {
    const random = this.#random;
    const troubled = random.chance(this.troubles.world * 0.6);
    const how = troubled ? random.pick(["cannot_tell", "throws", "hangs", "slow"] as const) : "answers";
    this.#chronicle.count(`probe ${how}`);
    return new Promise((resolve, reject) => {
      this.#timeline.in(random.int(1, 20), null, () => {
        const answer = how === "cannot_tell" ? ({ answer: "cannot_tell" } as const) : this.#ask(action, context);
        const inMs = how === "hangs" ? SOCKET_DIES_MS : how === "slow" ? random.int(20, 4_000) : random.int(1, 20);
        this.#timeline.in(inMs, life, () => {
          if (this.#chronicle.lines) {
            this.#chronicle.note(
              life.name,
              `probe of ${context.requestId}#${context.fencingToken}: ${how}, ${answer.answer}`,
            );
          }
          if (how === "throws") reject(errorOf("reset"));
          else resolve(answer);
        });
      });
    });
  }

  #ask(action: ActionPlan, { requestId, fencingToken }: EffectContext): ProbeAnswer<unknown> {
    const account = this.account(requestId);
    const visible = account.effects.find((effect) => effect.at + action.lagMs <= this.#timeline.now);
    if (visible) {
      return this.#random.chance(0.7) ? { answer: "happened", result: visible.result } : { answer: "happened" };
    }
    if (action.probe === "final") account.refusedUpTo = Math.max(account.refusedUpTo, fencingToken);
    return { answer: "did_not_happen" };
  }
}

function isRefused(account: Account, sent: Sent): boolean {
  return sent.fence <= account.refusedUpTo || account.closed.has(sent.key);
}
