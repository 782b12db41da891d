import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { McpServerOptions } from "../../../mcp/server/options.ts";
import { UsageError } from "../../exit.ts";
import { durationOption } from "../../option-parsers.ts";
import { note } from "../../output.ts";
import { requireMcpSdk } from "../../require-mcp-sdk.ts";
import { type ServedActions, withServedActions } from "../../served-actions.ts";
import { command, conclude } from "../../session.ts";
import { stopSignal } from "../../stop-signal.ts";
import type { McpOptions } from "./options.ts";

export function mcpCommand(): Command {
  return command("mcp", "Serve the config's actions to any MCP host, so that a repeated call does not do it again.", {
    summary: "an MCP server: safe_execute for any host",
    examples: [
      "onceguard mcp                                  # over stdio: what a host's config starts",
      "onceguard mcp --http                           # http://127.0.0.1:8787/mcp, this machine only",
      "onceguard mcp --http 0.0.0.0:8787 --tokens tokens.json",
      "onceguard mcp --http --issuer https://login.example --audience https://guard.example/mcp",
    ],
    exits: [
      ["0", "the host has closed the connection, or it was told to stop; what ran was drained"],
      ["1", "the store cannot be used, or the address is taken"],
      ["2", "bad usage, or a config that cannot be used"],
    ],
  })
    .option("--http [address]", "serve Streamable HTTP on host:port (default: 127.0.0.1:8787)")
    .option("--tenant <tenant>", "whose receipts, where no token says it", "default")
    .option("--actor <name>", "who calls, where no token says it (default: mcp)")
    .option("--operator", "offer the tools that decide reviews")
    .option("--approvals <where>", "host: ask the person at the host; elsewhere: never", "host")
    .option("--review-url <url>", "where people decide, with {request_id} in it")
    .option("--answer-within <time>", "longest time until a call is answered", durationOption, "45s")
    .option("--grace <time>", "at the end, how long to wait for what runs", durationOption, "10s")
    .option("--quiet", "no line per call on stderr")
    .option("--tokens <file>", "with --http: the bearer tokens that may call, as hashes")
    .option("--issuer <url>", "with --http: take this OAuth server's tokens (JWT)")
    .option("--audience <url>", "with --issuer: this server's own address, for which a token must be made out")
    .option("--tenant-claim <name>", "with --issuer: the claim that says the tenant", "tenant")
    .option("--allow-host <names...>", "with --http: further names in the Host header")
    .option("--allow-origin <names...>", "with --http: web origins that may call, by host name")
    .action((options: McpOptions) => conclude({ ...options, json: false }, () => mcp(options)));
}

async function mcp(options: McpOptions): Promise<void> {
  if (options.approvals !== "host" && options.approvals !== "elsewhere") {
    throw new UsageError("--approvals is host or elsewhere");
  }
  await requireMcpSdk("onceguard mcp");
  await withServedActions(options, (served) => serve(served, options));
}

async function serve({ guard, actions, external }: ServedActions, options: McpOptions): Promise<void> {
  const log = options.quiet ? () => undefined : (line: string) => note(line);
  const { mcpServer } = await import("../../../mcp/server/create-server.ts");
  const factory = mcpServer({
    guard,
    actions,
    external,
    principal: { tenant: options.tenant, name: options.actor ?? "mcp", operator: options.operator === true },
    operator: options.operator === true,
    approvals: options.approvals as NonNullable<McpServerOptions["approvals"]>,
    ...(options.reviewUrl === undefined ? {} : { reviewUrl: options.reviewUrl }),
    answerWithin: options.answerWithin,
    ...(process.env.ONCEGUARD_MCP_STATE_KEY ? { stateKey: process.env.ONCEGUARD_MCP_STATE_KEY } : {}),
    log,
    version: versionOfPackage(),
  });
  const told = stopSignal();
  if (options.http === undefined) {
    const { serveOverStdio } = await import("../../../mcp/server/stdio/serve.ts");
    const serving = serveOverStdio(factory, { log });
    await Promise.race([serving.ended, told]);
    await serving.close();
    return;
  }
  const { serveHttp } = await import("./http.ts");
  await serveHttp(factory, options as McpOptions & { http: string | true }, log, told);
}

function versionOfPackage(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}
