import { storedAnswer } from "../../wire/stored-answer.ts";
import type { Run } from "./gate.ts";
import type { Rules } from "./options.ts";

export type HeaderList = readonly (readonly [name: string, value: string])[];

/** The body to send now: all of it, recorded; or what goes through and is recorded at its end. */
export type Collected =
  | { readonly kind: "whole"; readonly body: Uint8Array }
  | { readonly kind: "through"; readonly body: AsyncGenerator<Uint8Array, void> };

/**
 * Takes a handler's answer: kept whole and recorded before it is sent, if it is small enough; otherwise sent as it comes, and
 * recorded without its body when it has ended. Whether anybody still reads makes no difference to the handler.
 *
 * @throws whatever the body throws, once that is recorded
 */
export async function collect(
  run: Run,
  rules: Rules,
  answer: { readonly status: number; readonly headers: HeaderList; readonly body: AsyncIterable<Uint8Array> },
): Promise<Collected> {
  const { status, headers } = answer;
  const source = answer.body[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const isStream = isEventStream(headers);
  try {
    while (!isStream && size <= rules.maxAnswerBytes) {
      const { done, value } = await source.next();
      if (done) {
        const body = Buffer.concat(chunks, size);
        await run.answered(storedAnswer(status, headers, body));
        return { kind: "whole", body };
      }
      chunks.push(value);
      size += value.length;
    }
  } catch (error) {
    await run.threw(error);
    throw error;
  }
  const omitted = isStream ? "stream" : "too_large";
  return { kind: "through", body: through(run, chunks, source, () => storedAnswer(status, headers, omitted)) };
}

async function* through(
  run: Run,
  chunks: readonly Uint8Array[],
  source: AsyncIterator<Uint8Array>,
  ended: () => ReturnType<typeof storedAnswer>,
): AsyncGenerator<Uint8Array, void> {
  let isOver = false;
  const finish = async (): Promise<void> => {
    for (let next = await source.next(); !next.done; next = await source.next());
    await run.answered(ended());
  };
  try {
    yield* chunks;
    for (;;) {
      const { done, value } = await source.next();
      if (done) break;
      yield value;
    }
    isOver = true;
    await run.answered(ended());
  } catch (error) {
    isOver = true;
    await run.threw(error);
    throw error;
  } finally {
    // The reader has left: the handler goes on to its end all the same.
    if (!isOver) void finish().catch((error: unknown) => run.threw(error));
  }
}

export function isEventStream(headers: HeaderList): boolean {
  return headers.some(([name, value]) => name.toLowerCase() === "content-type" && /^text\/event-stream\b/i.test(value));
}
