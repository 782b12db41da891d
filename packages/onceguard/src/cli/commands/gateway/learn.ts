import { firstRules, keyCandidates } from "../../../mcp/gateway/first-rules.ts";
import { readServerMessage } from "../../../mcp/gateway/json-rpc.ts";
import { OwnRequests } from "../../../mcp/gateway/own-requests.ts";
import type { Route } from "../../../mcp/gateway/route.ts";
import type { Upstream } from "../../../mcp/gateway/stdio/upstream.ts";
import { startUpstream } from "../../../mcp/gateway/stdio/upstream-process.ts";
import { UpstreamTools } from "../../../mcp/gateway/upstream-tools.ts";
import { EXIT, NotSo, UsageError } from "../../exit.ts";
import { note } from "../../output.ts";

/** Prints a first rules file for a server: what is known of its tools, and what the operator still has to say. */
export async function learn(argv: readonly string[], server: string): Promise<number> {
  if (argv.length === 0) throw new UsageError("--learn starts the server itself: give its command after --");
  const [command = "", ...args] = argv;
  let process_: Upstream | null = null;
  const requests = new OwnRequests((text) => (process_?.send(text) ?? "gone") !== "gone");
  try {
    process_ = await startUpstream({
      command,
      args,
      env: process.env,
      onMessage: (text) => {
        const message = readServerMessage(text);
        if (message !== null) requests.take(message);
      },
      onDrain: () => undefined,
    });
  } catch (cause) {
    throw new NotSo(`the server cannot be started: ${(cause as Error).message}`);
  }
  void process_.ended.then(() => requests.lost());
  try {
    const tools = await listed(requests, process_);
    const rules = firstRules([...tools.values()]);
    process.stdout.write(`${JSON.stringify(rules, null, 2)}\n`);
    note(
      `${tools.size} tools of "${server}", with the tiers that they claim for themselves: read them before you believe them`,
    );
    for (const tool of tools.values()) {
      if (rules.tools[tool.name]?.riskTier !== "irreversible") continue;
      const candidates = keyCandidates(tool).map((field) => `"${field}"`);
      const hint = candidates.length === 0 ? "" : `; candidates: ${candidates.join(", ")}`;
      note(`${tool.name}: callers must give an idempotency_key, unless keyFields name what one effect is${hint}`);
    }
    note(`then: onceguard gateway --rules FILE -- ${argv.join(" ")}`);
    return EXIT.ok;
  } catch (cause) {
    throw new NotSo(`the server did not list its tools: ${(cause as Error).message}`);
  } finally {
    await process_.close();
  }
}

async function listed(requests: OwnRequests, server: Upstream): ReturnType<UpstreamTools["list"]> {
  const clientInfo = { name: "onceguard", version: "1" };
  await requests.make("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
  server.send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }));
  const route = { request: (method: string, params: object) => requests.make(method, params as never) };
  return new UpstreamTools().list(route as unknown as Route);
}
