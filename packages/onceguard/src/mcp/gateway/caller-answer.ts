import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Outcome } from "../../core/outcome.ts";
import { outcomeWords, type Ways } from "../../wire/outcome-words.ts";
import { answerForError, answerOf, invalid } from "../server/answer.ts";
import { isObject, type JsonObject, type RpcAnswer } from "./json-rpc.ts";
import { fitsSchema } from "./output-schema.ts";
import type { Era } from "./route.ts";
import type { UpstreamTool } from "./upstream-tool.ts";

/** Where our answers say which request they are about, for whoever reads more than text. */
export const REQUEST_META = "dev.onceguard/request";

/** What an answer is made for. */
export interface Asked extends Ways {
  readonly era: Era;
  readonly tool: UpstreamTool | undefined;
  readonly reviewUrl: string | null;
  /** SEP-3182: the caller gave its key beside the tool's name and knows the proposal's errors. */
  readonly isFromProtocol: boolean;
}

/** The upstream's own answer, to whom it belongs. */
export function answerOfUpstream(outcome: Outcome, answer: RpcAnswer, { era }: Asked): RpcAnswer {
  if ("error" in answer) return answer;
  return { result: inEra(withMeta(answer.result, outcome), era) };
}

/** What a caller hears who did not make the effect, or when nobody knows whether it was made. */
export async function answerOfGuard(outcome: Outcome, upstream: RpcAnswer | null, asked: Asked): Promise<RpcAnswer> {
  if (asked.isFromProtocol) {
    const error = errorOfProposal(outcome);
    if (error !== null) return { error };
  }
  const isSuccess = outcome.status === "replayed" || outcome.status === "executed";
  if (isSuccess && isObject(outcome.result)) return asRecorded(outcome, outcome.result, asked);
  const said = answerOf(asked, outcome, {}, outcomeWords(outcome, asked));
  const ofUpstream = upstream && "result" in upstream ? contentOf(upstream.result) : [];
  return { result: inEra(withMeta(asResult(said, ofUpstream, asked.tool), outcome), asked.era) };
}

/** The recorded result as it was; where it is an earlier call's, with a line that says so. */
async function asRecorded(outcome: Outcome, stored: JsonObject, asked: Asked): Promise<RpcAnswer> {
  const { era, tool } = asked;
  const notes = outcome.status === "replayed" ? [{ type: "text", text: outcomeWords(outcome, asked) }] : [];
  const { structuredContent, ...rest } = stored;
  const result = { ...rest, content: [...contentOf(stored), ...notes] };
  if (structuredContent === undefined || (await fitsSchema(tool?.outputSchema, structuredContent))) {
    const whole = structuredContent === undefined ? result : { ...result, structuredContent };
    return { result: inEra(withMeta(whole, outcome), era) };
  }
  // The tool has changed since: clients take a result that does not fit its schema for a broken server.
  const words = { type: "text", text: "It was done; the tool's output has another form now than it had then." };
  return { result: inEra(withMeta({ ...result, content: [...result.content, words], isError: true }, outcome), era) };
}

/** The call does not fit: nothing was sent, and only another call can help. */
export function refused(message: string, code: string, { era, tool }: Pick<Asked, "era" | "tool">): RpcAnswer {
  return { result: inEra(asResult(invalid(message, code), [], tool), era) };
}

export function answerOfError(error: unknown, { era, tool }: Pick<Asked, "era" | "tool">): RpcAnswer {
  return { result: inEra(asResult(answerForError(error), [], tool), era) };
}

/** A tool that promises a form of its result can only leave it by an error: clients check all else against the form. */
function asResult(
  { content, structuredContent, isError }: CallToolResult,
  before: readonly unknown[],
  tool: UpstreamTool | undefined,
): JsonObject {
  const all = [...before, ...content];
  if (tool?.outputSchema) return { content: all, isError: true };
  return { content: all, structuredContent, ...(isError === true && { isError }) };
}

function withMeta(result: JsonObject, { status, requestId }: Outcome): JsonObject {
  const meta = isObject(result._meta) ? result._meta : {};
  return { ...result, _meta: { ...meta, [REQUEST_META]: { status, request_id: requestId } } };
}

/** Recorded in one era, and maybe shown in the other. */
function inEra(result: JsonObject, era: Era): JsonObject {
  if (era === "modern") return { resultType: "complete", ...result };
  const { resultType: _later, ...rest } = result;
  return rest;
}

function contentOf(result: JsonObject): readonly unknown[] {
  return Array.isArray(result.content) ? result.content : [];
}

/** The two errors of SEP-3182; its codes are in the range that the specification leaves to implementations. */
function errorOfProposal(outcome: Outcome): { code: number; message: string; data: JsonObject } | null {
  switch (outcome.status) {
    case "in_progress":
      return {
        code: -32000,
        message: "A request with this idempotency key is in progress.",
        data: { type: "idempotency_key_in_progress", retryAfterMs: outcome.retryAfterMs },
      };
    case "mismatch":
      return {
        code: -32602,
        message: "This idempotency key was used with other parameters.",
        data: { type: "idempotency_key_conflict" },
      };
    default:
      return null;
  }
}
