import { OnceguardError } from "../../src/core/errors.ts";
import { type Receipt, resultOf } from "../../src/core/receipt.ts";
import type { Guard, Outcome } from "../../src/index.ts";
import { actionOf, type longRunActions } from "./actions.ts";
import { type Answer, type Call, type HistoryLine, monotonicNs } from "./history.ts";

/** Calls a guard, and writes each call down before it is made and after it has returned. */
export interface Caller {
  execute(reference: string): Promise<void>;
  receipt(reference: string): Promise<void>;
}

export function recordingCaller(
  guard: Guard<ReturnType<typeof longRunActions>>,
  write: (line: HistoryLine) => void,
): Caller {
  let last = 0;
  async function record(kind: Call["kind"], requestId: string, call: () => Promise<Answer>): Promise<void> {
    const id = ++last;
    write({ id, kind, requestId, at: monotonicNs() });
    try {
      const answer = await call();
      write({ id, at: monotonicNs(), answer });
    } catch (error) {
      const code = error instanceof OnceguardError ? error.code : "unexpected";
      write({ id, at: monotonicNs(), thrown: `${code}: ${(error as Error).message}` });
    }
  }
  return {
    execute: (reference) =>
      record("execute", reference, async () =>
        answerOf(await guard.execute(actionOf(reference), { reference }, { requestId: reference })),
      ),
    receipt: (reference) =>
      record("receipt", reference, async () => {
        const receipt = await guard.receipt(reference);
        return receipt ? answerFrom(receipt, null, effectIn(resultOf(receipt))) : NOTHING;
      }),
  };
}

const NOTHING: Answer = { status: null, state: "absent", fence: 0, version: 0, effect: null };

function answerOf(outcome: Outcome): Answer {
  const { status, receipt } = outcome;
  const effect = "result" in outcome ? effectIn(outcome.result) : null;
  return receipt ? answerFrom(receipt, status, effect) : { status, state: null, fence: 0, version: 0, effect };
}

function answerFrom(receipt: Receipt, status: Answer["status"], effect: number | null): Answer {
  const { state, fencingToken: fence, version } = receipt;
  return { status, state, fence, version, effect };
}

function effectIn(result: unknown): number | null {
  return (result as { number?: number } | undefined)?.number ?? null;
}
