import type { Command } from "commander";
import { approvalPolicy } from "../../../mcp/gateway/approval-policy.ts";
import type { Gateway as GatewayType } from "../../../mcp/gateway/gateway.ts";
import { READY_RULES } from "../../../mcp/gateway/ready-rules/index.ts";
import type { Guard } from "../../../pipeline/guard.ts";
import { UsageError } from "../../exit.ts";
import { bytesOption, durationOption } from "../../option-parsers.ts";
import { note } from "../../output.ts";
import { requireMcpSdk } from "../../require-mcp-sdk.ts";
import { command, conclude, locate, withGuard } from "../../session.ts";
import { learn } from "./learn.ts";
import type { GatewayCommandOptions } from "./options.ts";
import { rulesFor } from "./rules.ts";
import { serverName } from "./server-name.ts";
import { type EarlyServer, startEarly } from "./start-server.ts";

export function gatewayCommand(): Command {
  return command(
    "gateway",
    "Stand between an MCP host and its server, so that a repeated tool call does not do it again. Everything else passes untouched.",
    {
      summary: "make an existing MCP server safe to retry",
      examples: [
        "onceguard gateway -- npx -y @modelcontextprotocol/server-memory",
        "onceguard gateway --rules memory -- npx -y @modelcontextprotocol/server-memory",
        "onceguard gateway --learn -- npx -y @modelcontextprotocol/server-memory > rules.json",
        "onceguard gateway --rules rules.json -- npx -y @modelcontextprotocol/server-memory",
        "onceguard gateway --url https://mcp.example/mcp              # a remote server, for a host that speaks stdio",
        "onceguard gateway --http --url https://mcp.example/mcp       # HTTP to HTTP, on 127.0.0.1:8789",
      ],
      exits: [
        ["0", "the host has closed the connection, or it was told to stop; what ran was drained"],
        ["1", "the store cannot be used, the server cannot be started or has ended by itself"],
        ["2", "bad usage, or rules that cannot be used"],
      ],
    },
  )
    .argument("[command...]", "after --: the server's own command, as the host had it")
    .option("--url <url>", "instead of a command: the server's Streamable HTTP address")
    .option("--http [address]", "serve the host over HTTP on host:port (default: 127.0.0.1:8789), not over stdio")
    .option("--name <name>", "your name for the server (default: made from its command or address)")
    .option("--trust", "believe this server's annotations (readOnlyHint and the like)")
    .option("--rules <rules...>", "rules for its tools: a .json, .ts or .js file, or the name of a ready set")
    .option("--learn", "print a first rules file for this server, and end")
    .option("--window <time>", "how long the same arguments are the same intent", durationOption, "24h")
    .option("--no-key-argument", "do not offer the argument `idempotency_key` in listed tools")
    .option("--tenant <tenant>", "whose receipts", "default")
    .option("--actor <name>", "who calls (default: mcp)")
    .option("--approvals <where>", "host: ask the person at the host; elsewhere: never", "host")
    .option("--review-url <url>", "where people decide, with {request_id} in it")
    .option("--grace <time>", "at the end, how long to wait for what runs", durationOption, "30s")
    .option("--max-message <bytes>", "largest message of the host's", bytesOption, 16_777_216)
    .option("--header <headers...>", `with --url: sent to the server only, such as "Authorization: Bearer \${TOKEN}"`)
    .option("--principal-header <names...>", "with --http and --url: further headers that say who calls")
    .option("--token-subject", "there: callers by their JWT's subject; only if the server checks every request's token")
    .option("--tokens <file>", "with --http: the bearer tokens that may call, as hashes")
    .option("--issuer <url>", "with --http: take this OAuth server's tokens (JWT)")
    .option("--audience <url>", "with --issuer: this gateway's own address, for which a token must be made out")
    .option("--tenant-claim <name>", "with --issuer: the claim that says the tenant", "tenant")
    .option("--allow-host <names...>", "with --http: further names in the Host header")
    .option("--allow-origin <names...>", "with --http: web origins that may call, by host name")
    .option("--quiet", "no line per guarded call on stderr")
    .action((argv: readonly string[], options: GatewayCommandOptions) =>
      conclude({ ...options, json: false }, () => gateway(argv, options)),
    );
}

async function gateway(argv: readonly string[], options: GatewayCommandOptions): Promise<number> {
  if ((options.url === undefined) === (argv.length === 0)) {
    throw new UsageError("say which server: its command after --, or its address with --url");
  }
  if (options.approvals !== "host" && options.approvals !== "elsewhere") {
    throw new UsageError("--approvals is host or elsewhere");
  }
  if (options.name !== undefined && !/^[\w.-]{1,60}$/.test(options.name)) {
    throw new UsageError("--name takes up to 60 letters, digits, _ - or .");
  }
  if (options.url !== undefined && !URL.canParse(options.url)) {
    throw new UsageError(`--url is an address, and not "${options.url}"`);
  }
  await requireMcpSdk("onceguard gateway");
  const server = options.name ?? serverName(options.url ?? argv);
  if (options.learn) return learn(argv, server);
  const { config } = await locate(options, true);
  const { rules, trusted } = await rulesFor(server, options.rules ?? [], config?.config.gateway);
  const isTrusted = options.trust === true || trusted.includes(server);
  if (options.name === undefined) {
    note(`this server is named "${server}" here; servers of one name share their receipts, --name tells them apart`);
  }
  if (rules.length === 0 && !isTrusted) note(unruled(server));
  const guard = {
    sweepEvery: "5s",
    grace: options.grace,
    policy: approvalPolicy(server, rules, config?.config.policy),
    limits: { maxBytes: options.maxMessage },
    // Results are shown again whole, and may carry images.
    maxResultBytes: options.maxMessage,
  } as const;
  const early = options.url === undefined && options.http === undefined ? startEarly(argv) : null;
  const { Gateway } = await import("../../../mcp/gateway/gateway.ts");
  const running = withGuard(options, { create: true, config: "whole", guard: guard as never }, async ({ guard }) => {
    await guard.receipts({ limit: 1 }); // a store that cannot be used is said now, not at the first call
    const made = new Gateway({
      guard: guard as Guard,
      server,
      isTrusted,
      rules,
      offersKey: options.keyArgument,
      window: options.window,
      approvals: options.approvals as "host" | "elsewhere",
      ...(options.reviewUrl === undefined ? {} : { reviewUrl: options.reviewUrl }),
      ...(process.env.ONCEGUARD_MCP_STATE_KEY ? { stateKey: process.env.ONCEGUARD_MCP_STATE_KEY } : {}),
      ...(options.quiet ? {} : { log: note }),
    });
    return run(made, early, argv, options);
  });
  return running.finally(() => early?.abandon());
}

/** What somebody sees who starts without rules: nearly every call will be refused, and how to change that. */
function unruled(server: string): string {
  const ready = Object.hasOwn(READY_RULES, server) ? `there are ready rules for it: --rules ${server}. Or ` : "";
  return `without rules every tool is taken for irreversible, and callers must name each intent; ${ready}--learn makes a first rules file, --trust believes the server's annotations`;
}

async function run(
  gateway: GatewayType,
  early: EarlyServer | null,
  argv: readonly string[],
  options: GatewayCommandOptions,
): Promise<number> {
  const { http } = options;
  const url = options.url === undefined ? null : new URL(options.url);
  if (http === undefined) {
    const { relayStdio } = await import("./relay-stdio.ts");
    return relayStdio(gateway, url ?? (early as EarlyServer), options);
  }
  const { relayHttp } = await import("./relay-http.ts");
  return relayHttp(gateway, url ?? argv, { ...options, http });
}
