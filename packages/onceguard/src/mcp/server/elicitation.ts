import { createHash, randomBytes } from "node:crypto";
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  createRequestStateCodec,
  inputRequired,
  inputResponse,
  ProtocolError,
  ProtocolErrorCode,
  type RequestStateCodec,
  type Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { canonicalJson } from "../../core/canonical-json.ts";
import type { JsonValue } from "../../core/json.ts";
import type { Principal } from "./principal.ts";
import type { AskPerson, PersonSays, Question } from "./tool.ts";

/** What a client keeps for us between two rounds; signed, and no secret. */
interface ApprovalState {
  readonly requestId: string;
  /** Makes it good for one decision: taking it moves the record to the next version. */
  readonly version: number;
  /** Of all arguments of the call: consent to one call cannot be handed in with another. */
  readonly digest: string;
}

export type ApprovalCodec = RequestStateCodec<ApprovalState>;

/** A person may take this long. What is not answered by then is asked anew. */
const STATE_TTL_S = 1_800;

/** Bound to who asks: what one caller was given, no other can hand in. */
export function approvalCodec(
  key: string | undefined,
  principalOf: (context: ServerContext) => Principal,
): ApprovalCodec {
  return createRequestStateCodec<ApprovalState>({
    key: key ?? randomBytes(32),
    ttlSeconds: STATE_TTL_S,
    bind: (context) => {
      const { tenant, name } = principalOf(context);
      return JSON.stringify([context.mcpReq.method, tenant, name]);
    },
  });
}

/** How the person at the host can be asked in this call; null when the host declares no form elicitation. */
export function askingPerson(
  server: Server,
  context: ServerContext,
  codec: ApprovalCodec,
  given: unknown,
  { isModern, timeoutMs }: { readonly isModern: boolean; readonly timeoutMs: number },
): AskPerson | null {
  const capabilities = isModern
    ? ((context.mcpReq.envelope as Record<string, unknown> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] as
        | ClientCapabilities
        | undefined)
    : server.getClientCapabilities();
  if (!asksForms(capabilities)) return null;
  return isModern
    ? (question) => roundTrip(context, codec, digestOf(given), question)
    : (question) => push(context, question, timeoutMs);
}

function digestOf(given: unknown): string {
  return createHash("sha256")
    .update(canonicalJson(given as JsonValue))
    .digest("hex");
}

/** `{}` is a form, as it was before there was another mode. */
export function asksForms(capabilities: ClientCapabilities | undefined): boolean {
  const declared = capabilities?.elicitation as Record<string, unknown> | undefined;
  return declared !== undefined && (declared.form !== undefined || declared.url === undefined);
}

/** Since 2026-07-28: the call is answered with the question, and comes again with the answer. */
async function roundTrip(
  context: ServerContext,
  codec: ApprovalCodec,
  digest: string,
  { requestId, version, message }: Question,
): ReturnType<AskPerson> {
  const state = context.mcpReq.requestState<ApprovalState>();
  if (state !== undefined && (state.digest !== digest || state.requestId !== requestId)) {
    const data = { reason: "invalid_request_state" };
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, "Invalid or expired requestState", data);
  }
  const answer = inputResponse(context.mcpReq.inputResponses, "approve");
  // Without a state of ours an answer is an answer to nothing that was asked.
  if (state !== undefined && answer.kind === "elicit") {
    return { says: saysOf(answer.action, answer.content), version: state.version };
  }
  return inputRequired({
    inputRequests: { approve: inputRequired.elicit({ message, requestedSchema: FORM }) },
    requestState: await codec.mint({ requestId, version, digest }, context),
  });
}

/** Before: the server asks while the call is open. Whoever takes longer than the call may last decides elsewhere. */
async function push(context: ServerContext, { version, message }: Question, timeout: number): Promise<PersonSays> {
  const nothing: PersonSays = { says: "nothing", version };
  try {
    const { action, content } = await context.mcpReq.elicitInput(
      { mode: "form", message, requestedSchema: FORM },
      { timeout, signal: context.mcpReq.signal },
    );
    return { says: saysOf(action, content), version };
  } catch {
    return nothing;
  }
}

interface Form {
  [key: string]: unknown;
  type: "object";
  properties: { approve: { type: "boolean"; title: string; description: string } };
  required: string[];
}

/** What a person is asked: yes or no. */
export const FORM: Form = {
  type: "object",
  properties: {
    approve: {
      type: "boolean",
      title: "Approve",
      description: "Yes: it is done now. No: it is never done under this request.",
    },
  },
  required: ["approve"],
};

/**
 * Only an explicit yes is one, and only an explicit no. Hosts without a person answer every question with `decline`
 * (Claude Code, without anybody having been asked): what nobody has decided is still to be decided.
 */
export function saysOf(action: string, content: Record<string, unknown> | undefined): PersonSays["says"] {
  if (action !== "accept") return "nothing";
  return content?.approve === true ? "yes" : content?.approve === false ? "no" : "nothing";
}
