import { randomUUID } from "node:crypto";
import type { CallToolResult, InputRequiredResult, ServerContext } from "@modelcontextprotocol/server";
import type { Principal } from "./principal.ts";

/** One line per call. Neither arguments nor results: they are nobody's business who reads logs. */
export async function logged<Result extends CallToolResult | InputRequiredResult>(
  log: ((line: string) => void) | undefined,
  who: Principal,
  tool: string,
  context: ServerContext,
  work: () => Promise<Result>,
): Promise<Result> {
  if (!log) return work();
  const started = performance.now();
  const line = (answer: Record<string, unknown>): void =>
    log(
      JSON.stringify({
        call: randomUUID().slice(0, 8),
        rpc_id: context.mcpReq.id,
        tool: tool.slice(0, 128),
        tenant: who.tenant,
        actor: who.name,
        ...answer,
        ms: Math.round(performance.now() - started),
      }),
    );
  try {
    const result = await work();
    const { status = "input_required", request_id = null } = (result.structuredContent ?? {}) as Record<
      string,
      unknown
    >;
    line({ status, request_id });
    return result;
  } catch (error) {
    line({ error: (error as Error).message });
    throw error;
  }
}
