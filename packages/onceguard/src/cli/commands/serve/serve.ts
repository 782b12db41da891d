import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { durationMs } from "../../../core/duration.ts";
import { DEFAULT_FINALITY_POLICY } from "../../../core/finality.ts";
import type { Configured } from "../../../http/configured.ts";
import type { RetentionRule } from "../../../pipeline/retention.ts";
import type { SealedReceipts } from "../../../seal/sealed-receipts.ts";
import { UsageError } from "../../exit.ts";
import { keepRetention } from "../../keep-retention.ts";
import type { LoadedConfig } from "../../load-config.ts";
import { bytesOption, durationOption, numberOption, spanOption } from "../../option-parsers.ts";
import { note } from "../../output.ts";
import { anchoredIn, several, signingKeys } from "../../seal-files.ts";
import { type ServedActions, withServedActions } from "../../served-actions.ts";
import { command, conclude, locate } from "../../session.ts";
import { setupOf as checklistSetup } from "../checklist/setup.ts";
import { keysOption, keysToServe } from "../keys/options.ts";
import type { ServeOptions } from "./options.ts";

const DEFAULT_PORT = 8_788;

export function serveCommand(): Command {
  return command("serve", "Serve the config's actions over HTTP, for every other language; and settle what is open.", {
    summary: "the HTTP API, for every other language",
    examples: [
      "onceguard serve                                 # http://127.0.0.1:8788, this machine only",
      "onceguard keys add --name agent-7               # a key makes it safe to listen elsewhere",
      "onceguard serve --listen 0.0.0.0:8788 --keys onceguard.keys.json",
      "onceguard serve --sealed sealed --signing-keys keys.json   # checkpoints and signed receipts over HTTP",
      'curl -sd \'{"action":"refund","payload":{"order":"A1"}}\' -H \'content-type: application/json\' localhost:8788/v1/execute',
    ],
    exits: [
      ["0", "it was told to stop; what ran was drained"],
      ["1", "the store cannot be used, or the address is taken"],
      ["2", "bad usage, a config that cannot be used, or an open address without keys"],
    ],
  })
    .option("--listen <address>", `host:port, or a port of 127.0.0.1 (default: 127.0.0.1:${DEFAULT_PORT})`)
    .addOption(keysOption())
    .option(
      "--sealed <folder>",
      "the sealed log (onceguard seal): for GET /v1/checkpoints and /v1/receipts/{id}?export",
    )
    .option("--signing-keys <file>", "with --sealed: the signing keys")
    .option("--anchored <file>", "with --sealed: checkpoints that were anchored outside; may be repeated", several)
    .option("--allow-host <names...>", "without keys: further names in the Host header")
    .option("--allow-origin <origins...>", "web origins that may call, such as https://ops.example")
    .option(
      "--answer-within <time>",
      "longest time until a call is answered; what it does goes on",
      durationOption,
      "50s",
    )
    .option("--max-body <bytes>", "largest body (default: 1310720)", bytesOption)
    .option("--max-depth <n>", "deepest nesting of a body (default: 66)", numberOption)
    .option("--rate <n>", "requests per second and key, on average (default: no limit)", numberOption)
    .option("--concurrency <n>", "requests at the same time (default: 1024)", numberOption)
    .option("--key-concurrency <n>", "requests of one key at the same time (default: 256)", numberOption)
    .option("--connections <n>", "connections at the same time (default: 2048)", numberOption)
    .option("--request-timeout <time>", "a request has to arrive whole within this", durationOption, "30s")
    .option(
      "--notice <time>",
      "at the end: how long /readyz says no before connections are refused",
      durationOption,
      "0s",
    )
    .option("--grace <time>", "at the end: how long to wait for what runs", durationOption, "10s")
    .option("--retention-every <time>", "forget by the config's retention rules, now and so often: 24h", spanOption)
    .option("--no-console", "without the console at /console/")
    .option("--trace-url <url>", "where the console links traces: https://traces.example/{trace_id}")
    .option("--quiet", "no line per request on stderr")
    .action((options: ServeOptions) => conclude({ ...options, json: false }, () => serve(options)));
}

async function serve(options: ServeOptions): Promise<void> {
  await requireHono();
  await withServedActions(options, (served) => serveUntilTold(served, options));
}

async function serveUntilTold(
  { guard, actions, external, config }: ServedActions,
  options: ServeOptions,
): Promise<void> {
  const { serveHttp, keyFile, isLoopback } = {
    ...(await import("../../../http/node/serve.ts")),
    ...(await import("../../../http/keys/key-file.ts")),
  };
  const { host, port } = addressOf(options.listen);
  const rules = retentionRules(options, config);
  const keys = await keysToServe(options);
  const sealed = await sealedTo(options);
  if (keys === null && !isLoopback(host)) {
    throw new UsageError(
      `${host} can be reached from outside: say who may call (onceguard keys add), or leave --listen out`,
    );
  }
  // Before it listens: told right after its address was printed, it must stop.
  const told = stopSignal();
  const serving = await serveHttp({
    guard,
    actions,
    external,
    host,
    port,
    limits: limitsOf(options),
    answerWithin: options.answerWithin as never,
    requestTimeout: options.requestTimeout as never,
    version: versionOfPackage(),
    report: (error) => note(error instanceof Error ? error.message : String(error)),
    console: options.console,
    configured: await configuredOf(options, config),
    ...(options.traceUrl !== undefined && { traceUrl: options.traceUrl }),
    ...(keys !== null && { keys: keyFile(keys, note) }),
    ...(sealed !== null && { sealed }),
    ...(process.env.ONCEGUARD_SETTLEMENT_SECRET && { settlementSecret: process.env.ONCEGUARD_SETTLEMENT_SECRET }),
    ...(options.connections !== undefined && { maxConnections: options.connections }),
    ...(options.allowHost && { allowedHosts: options.allowHost }),
    ...(options.allowOrigin && { allowedOrigins: options.allowOrigin }),
    ...(!options.quiet && { log: note }),
  });
  const stop = new AbortController();
  const retaining =
    rules && keepRetention(guard, rules, durationMs(options.retentionEvery as never, "--retention-every"), stop.signal);
  note(`serving at ${serving.url}, ${keys === null ? "for everybody on this machine" : `keys from ${keys}`}`);
  if (options.console) note(`the console is at ${serving.url}/console/`);
  await told;
  note("stopping: no new work is taken");
  stop.abort();
  await serving.close({ notice: options.notice as never, grace: options.grace as never });
  await retaining;
}

/** What the console tells people of the configuration. */
async function configuredOf(options: ServeOptions, config: LoadedConfig | null): Promise<Configured> {
  const { target } = await locate(options, true);
  const { rules = [], policy, policyVersion = "1", finality } = config?.guardOptions() ?? {};
  const setup = checklistSetup(target, config);
  return {
    ...setup,
    rules,
    policyVersion,
    hasPolicy: policy !== undefined,
    finality: { ...DEFAULT_FINALITY_POLICY, ...finality },
  };
}

/** @throws UsageError */
function retentionRules(
  { retentionEvery }: ServeOptions,
  config: LoadedConfig | null,
): readonly RetentionRule[] | null {
  if (retentionEvery === undefined) return null;
  const rules = config?.config.retention;
  if (rules !== undefined) return rules;
  throw new UsageError("--retention-every needs `retention` rules in the config: what is to be forgotten?");
}

/** @throws UsageError */
async function sealedTo({ sealed, signingKeys: path, anchored = [] }: ServeOptions): Promise<SealedReceipts | null> {
  if (sealed === undefined) {
    if (path === undefined && anchored.length === 0) return null;
    throw new UsageError("--signing-keys and --anchored are for --sealed: name the folder of the sealed log");
  }
  if (path === undefined)
    throw new UsageError("--sealed needs --signing-keys: receipts are signed when they are asked for");
  signingKeys(path);
  anchoredIn(anchored); // both now, and not at the first request
  const { sealedReceipts } = await import("../../../seal/sealed-receipts.ts"); // jose takes longer to load than all the rest
  return sealedReceipts({ folder: sealed, keys: () => signingKeys(path), anchored });
}

function limitsOf({ maxBody, maxDepth, rate, concurrency, keyConcurrency }: ServeOptions) {
  return {
    ...(maxBody !== undefined && { maxBodyBytes: maxBody }),
    ...(maxDepth !== undefined && { maxDepth }),
    ...(rate !== undefined && { ratePerSecond: rate }),
    ...(concurrency !== undefined && { maxConcurrent: concurrency }),
    ...(keyConcurrency !== undefined && { maxConcurrentPerKey: keyConcurrency }),
  };
}

function addressOf(given: string | undefined): { host: string; port: number } {
  if (given === undefined) return { host: "127.0.0.1", port: DEFAULT_PORT };
  const text = /^\d+$/.test(given) ? `127.0.0.1:${given}` : given;
  const match = /^(?:\[([0-9a-f:]+)\]|([^:]+))(?::(\d{1,5}))?$/i.exec(text);
  const port = Number(match?.[3] ?? DEFAULT_PORT);
  if (!match || port > 65_535) throw new UsageError(`--listen takes host:port, such as 127.0.0.1:${DEFAULT_PORT}`);
  return { host: match[1] ?? match[2] ?? "127.0.0.1", port };
}

/** They are optional dependencies: who does not serve HTTP need not have them. */
async function requireHono(): Promise<void> {
  try {
    await Promise.all([import("hono"), import("@hono/node-server")]);
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new UsageError("onceguard serve needs Hono: npm install hono @hono/node-server");
  }
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

function versionOfPackage(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}
