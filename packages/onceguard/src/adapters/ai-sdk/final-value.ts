/** Told what a streaming tool yields on its way; must not throw. */
export type Preview = (value: unknown) => void;

/** What a tool gives is either its result, or a stream whose last value is. */
export async function finalValue(given: unknown, preview: Preview): Promise<unknown> {
  if (!isAsyncIterable(given)) return given;
  let last: unknown;
  for await (const value of given) {
    last = value;
    preview(value);
  }
  return last;
}

/** The SDK shows a stream's values while they come. Only of a generator is it known beforehand that it gives one. */
export function isStreaming(execute: (...given: never) => unknown): boolean {
  return Object.prototype.toString.call(execute) === "[object AsyncGeneratorFunction]";
}

/** Hands on what is yielded on the way, then the answer. Who stops listening stops nothing: the effect has its own pace. */
export async function* previewing<Answer>(
  run: (preview: Preview) => Promise<Answer>,
): AsyncGenerator<unknown, void, undefined> {
  const waiting: unknown[] = [];
  let wake = (): void => undefined;
  let settled = false;
  const answer = run((value) => {
    waiting.push(value);
    wake();
  });
  const settle = (): void => {
    settled = true;
    wake();
  };
  answer.then(settle, settle);
  for (;;) {
    while (waiting.length > 0) yield waiting.shift();
    if (settled) break;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  yield await answer;
}

function isAsyncIterable(given: unknown): given is AsyncIterable<unknown> {
  return typeof (given as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator] === "function";
}
