import { type Context, context, createContextKey, type Span, trace } from "@opentelemetry/api";
import type { Watched } from "../core/telemetry.ts";

const WATCHED = createContextKey("onceguard.watched");

/** Something watched, as a span: active while the work runs, so that what the work begins becomes its children. */
export class WatchedSpan<Ending> implements Watched<Ending> {
  readonly span: Span;
  readonly #context: Context;
  readonly #conclude: (ending: Ending, seconds: number, span: Span) => void;
  readonly #startedAt = performance.now();
  #isOver = false;

  constructor(span: Span, conclude: (ending: Ending, seconds: number, span: Span) => void) {
    this.span = span;
    this.#conclude = conclude;
    this.#context = trace.setSpan(context.active(), span).setValue(WATCHED, this);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  within<T>(work: () => T): T {
    return context.with(this.#context, work);
  }

  end(ending: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      this.#conclude(ending, (performance.now() - this.#startedAt) / 1_000, this.span);
    } finally {
      this.span.end();
    }
  }
}

/** What is being done right here; null when nothing is, or when it is over and only its timers still remember it. */
export function enclosing(): WatchedSpan<never> | null {
  const watched = context.active().getValue(WATCHED) as WatchedSpan<never> | undefined;
  return watched && !watched.isOver ? watched : null;
}
