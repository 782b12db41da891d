import {
  type CallToolResult,
  type InputRequiredResult,
  type McpRequestContext,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { AnyAction } from "../../core/action.ts";
import { durationMs } from "../../core/duration.ts";
import { OnceguardError } from "../../core/errors.ts";
import type { ExternalClaims } from "../../pipeline/external-claim.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { answerForError, invalid, resultOf } from "./answer.ts";
import { logged } from "./call-log.ts";
import { problemWithArguments } from "./check-arguments.ts";
import { claimTools } from "./claim-tools.ts";
import { type ApprovalCodec, approvalCodec, askingPerson } from "./elicitation.ts";
import { getReceipt } from "./get-receipt.ts";
import { hostIdentity } from "./host-identity.ts";
import { listActions } from "./list-actions.ts";
import { operatorTools } from "./operator-tools.ts";
import type { McpServerOptions, ToolRuntime } from "./options.ts";
import type { Principal } from "./principal.ts";
import { propose } from "./propose.ts";
import { safeExecute } from "./safe-execute.ts";
import type { GuardTool, ToolCall } from "./tool.ts";

/** Clients give up on a call after 60 s, or sooner; the answer must be there well before. */
const LONGEST_ANSWER_MS = 50_000;
/** What is left of a call for acting on what a person has answered. */
const AFTER_ANSWER_MS = 10_000;
/** After its answer was due, a call that does not let go is answered for. */
const OVERDUE_MS = 2_000;

const INSTRUCTIONS =
  "Do things with effects through safe_execute: it makes sure that they do not happen twice. Start with list_actions. " +
  "After any answer other than `executed` or `replayed` do what its `next` says; never repeat the effect in another way.";

/** Makes a server for one connection or one request; for `serveStdio` and `createMcpHandler` of the MCP SDK. */
export type McpServerFactory = (context: McpRequestContext) => Server;

/**
 * The MCP server of a guard: `safe_execute` and what belongs to it, for both protocol eras.
 *
 * @throws OnceguardError `invalid_option`
 */
export function mcpServer(options: McpServerOptions): McpServerFactory {
  const answerWithinMs = durationMs(options.answerWithin ?? "45s", "answerWithin");
  if (answerWithinMs < 1 || answerWithinMs > LONGEST_ANSWER_MS) {
    throw new OnceguardError("invalid_option", "answerWithin must be at most 50 s: clients give up soon after.", {
      option: "answerWithin",
    });
  }
  const fallback: Principal = { tenant: "default", name: "mcp", operator: false, ...options.principal };
  const principalOf = (context: ServerContext): Principal =>
    (context.http?.authInfo?.extra?.principal as Principal | undefined) ?? fallback;
  const setup: Setup = {
    options,
    answerWithinMs,
    principalOf,
    codec: approvalCodec(options.stateKey, principalOf),
    actions: byName(options.actions),
    external: byName(options.external ?? []),
    claims: options.external?.length ? claimsOn(options.guard, options.external) : null,
    tools: [safeExecute, propose, getReceipt, listActions, ...(options.external?.length ? claimTools : [])],
  };
  return (context) => connect(setup, context.era === "modern");
}

interface Setup {
  readonly options: McpServerOptions;
  readonly answerWithinMs: number;
  readonly principalOf: (context: ServerContext) => Principal;
  readonly codec: ApprovalCodec;
  readonly actions: ReadonlyMap<string, AnyAction>;
  readonly external: ReadonlyMap<string, AnyAction>;
  readonly claims: ExternalClaims | null;
  readonly tools: readonly GuardTool[];
}

/** What a guard that can hand out claims has besides (`guard.external`). */
type ClaimingGuard = Partial<{ external(definitions: readonly AnyAction[]): ExternalClaims }>;

/** @throws OnceguardError `invalid_option` */
function claimsOn(guard: Guard, definitions: readonly AnyAction[]): ExternalClaims {
  const claims = (guard as ClaimingGuard).external?.(definitions);
  if (claims) return claims;
  throw new OnceguardError("invalid_option", "This guard hands out no claims.", { option: "external" });
}

function byName(actions: readonly AnyAction[]): ReadonlyMap<string, AnyAction> {
  return new Map(actions.map((action) => [action.name, action]));
}

function connect(setup: Setup, isModern: boolean): Server {
  const { options, codec } = setup;
  const server = new Server(
    { name: "onceguard", title: "Onceguard", version: options.version ?? "0" },
    {
      capabilities: { tools: {} },
      instructions: INSTRUCTIONS,
      inputRequired: { legacyShim: false },
      requestState: { verify: (state, context) => codec.verify(state, context) },
    },
  );
  server.onerror = (error) => options.log?.(`mcp: ${error.message}`);
  server.setRequestHandler("tools/list", (_request, context) => ({
    tools: toolsFor(setup, context).map(({ tool }) => tool),
  }));
  server.setRequestHandler("tools/call", (request, context) =>
    logged(options.log, setup.principalOf(context), request.params.name, context, () =>
      call(setup, server, isModern, request.params.name, request.params.arguments, context),
    ),
  );
  return server;
}

/** An operator's tools exist for operators only: what is not there cannot be tried. */
function toolsFor({ options, tools, principalOf }: Setup, context: ServerContext): readonly GuardTool[] {
  return options.operator && principalOf(context).operator ? [...tools, ...operatorTools] : tools;
}

async function call(
  setup: Setup,
  server: Server,
  isModern: boolean,
  name: string,
  given: unknown,
  context: ServerContext,
): Promise<CallToolResult | InputRequiredResult> {
  const found = toolsFor(setup, context).find(({ tool }) => tool.name === name);
  if (!found) throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool "${name}" here.`);
  const problem = problemWithArguments(found.tool, given ?? {});
  if (problem !== null) return invalid(problem, "invalid_arguments");
  const { options, answerWithinMs, codec, actions, external, claims } = setup;
  const runtime: ToolRuntime = {
    guard: options.guard,
    actions,
    external,
    claims,
    reviewUrl: options.reviewUrl ?? null,
    answerWithinMs,
    principal: setup.principalOf(context),
  };
  const due = AbortSignal.timeout(answerWithinMs);
  const asks = options.approvals !== "elsewhere";
  const timeoutMs = Math.max(1, answerWithinMs - AFTER_ANSWER_MS);
  const made: ToolCall = {
    arguments: (given ?? {}) as Record<string, unknown>,
    runtime,
    host: hostIdentity(context.mcpReq._meta),
    leaves: AbortSignal.any([context.mcpReq.signal, due]),
    context,
    askPerson: asks ? askingPerson(server, context, codec, given ?? {}, { isModern, timeoutMs }) : null,
  };
  try {
    return await Promise.race([found.run(made as never), overdue(made, answerWithinMs + OVERDUE_MS)]);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    return answerForError(error);
  }
}

/** For what does not let go when its time is over: an answer all the same. What it does goes on. */
async function overdue({ arguments: given }: ToolCall, ms: number): Promise<CallToolResult> {
  await new Promise((resolve) => setTimeout(resolve, ms).unref());
  const requestId = typeof given.request_id === "string" ? given.request_id : null;
  const next =
    "It takes long and continues without you. Do not start it again in another way; ask get_receipt, or call again with exactly the same arguments.";
  return resultOf({ status: "in_progress", request_id: requestId, retry_after_ms: 5_000, next });
}
