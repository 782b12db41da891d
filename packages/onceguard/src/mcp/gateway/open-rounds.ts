import type { JsonObject, RpcAnswer } from "./json-rpc.ts";
import type { Route } from "./route.ts";

/** What a caller brings back from its person. */
export interface RoundAnswer {
  readonly inputResponses: unknown;
  readonly route: Route;
}

/** A question of the upstream's that a call waits with: all its rounds are one attempt at one effect. */
export interface OpenRound {
  readonly round: number;
  /** The upstream's `input_required` result. */
  readonly question: JsonObject;
  answer(given: RoundAnswer): void;
  /** The next question of the same call, or its end. */
  readonly following: Promise<OpenRound | Ended>;
}

/** The call has no more questions: with the upstream's answer, where there is one. */
export interface Ended {
  readonly ended: RpcAnswer | null;
}

/** The calls that wait for an answer to the upstream's question, by call. */
export class OpenRounds {
  readonly #open = new Map<string, OpenRound>();
  readonly #closing = new AbortController();

  /** Nobody will bring an answer any more. */
  giveUp(): void {
    this.#closing.abort(new Error("The gateway ended while a person was being asked."));
  }

  get(call: string): OpenRound | undefined {
    return this.#open.get(call);
  }

  /**
   * Asks through whoever calls next. `ask` returns the answer to one question; `end` says that there will be no more.
   *
   * @param asked told of each question as it opens
   */
  begin(call: string, asked: (round: OpenRound) => void): Asking {
    let round = 0;
    let settleLast: (next: OpenRound | Ended) => void = () => undefined;
    return {
      ask: (question, signal) => {
        const { promise, resolve, reject } = Promise.withResolvers<RoundAnswer>();
        const following = Promise.withResolvers<OpenRound | Ended>();
        const open: OpenRound = { round: ++round, question, answer: resolve, following: following.promise };
        this.#open.set(call, open);
        settleLast(open);
        settleLast = following.resolve;
        asked(open);
        const over = AbortSignal.any([signal, this.#closing.signal]);
        const gaveUp = (): void => reject(over.reason);
        over.addEventListener("abort", gaveUp, { once: true });
        if (over.aborted) gaveUp();
        return promise.finally(() => over.removeEventListener("abort", gaveUp));
      },
      end: (answer) => {
        settleLast({ ended: answer });
        if (round > 0) this.#open.delete(call);
      },
    };
  }
}

export interface Asking {
  /** @throws the signal's reason when nobody has answered in time */
  ask(question: JsonObject, signal: AbortSignal): Promise<RoundAnswer>;
  end(answer: RpcAnswer | null): void;
}
