import { isGraphBubbleUp } from "@langchain/langgraph";
import { OnceguardError } from "../../core/errors.ts";

/**
 * For `retryOn` of a node's `retryPolicy` and of `toolRetryMiddleware`: an interrupt is no failure, and what the program does
 * wrong, it does wrong again.
 */
export function mayRetry(error: unknown): boolean {
  const { cause } = (error ?? {}) as { readonly cause?: unknown };
  return !isGraphBubbleUp(error) && !isMisuse(error) && !isMisuse(cause);
}

function isMisuse(error: unknown): boolean {
  return error instanceof OnceguardError;
}
