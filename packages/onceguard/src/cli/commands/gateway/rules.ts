import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { GatewayConfig, ToolRules } from "../../../kinds/gateway-entries.ts";
import { READY_RULES } from "../../../mcp/gateway/ready-rules/index.ts";
import { checkToolRules } from "../../../mcp/gateway/tool-rule.ts";
import { importModule } from "../../config-source.ts";
import { UsageError } from "../../exit.ts";

/** What is known of a server's tools: what was named on the command line first, then the config, of it the nearer first. */
export async function rulesFor(
  server: string,
  named: readonly string[],
  config: GatewayConfig | undefined,
): Promise<{ readonly rules: readonly ToolRules[]; readonly trusted: readonly string[] }> {
  const configured = config ?? {};
  const ofServer = configured.servers?.[server]?.tools;
  return {
    rules: [
      ...(await Promise.all(named.map(rulesNamed))),
      ...(ofServer === undefined ? [] : [checkToolRules(ofServer, `gateway.servers.${server}.tools`)]),
      ...(configured.tools === undefined ? [] : [checkToolRules(configured.tools, "gateway.tools")]),
    ],
    trusted: configured.trusted ?? [],
  };
}

/** A ready set by its name; otherwise a file that holds, or exports by default, `{ tools }`. */
async function rulesNamed(name: string): Promise<ToolRules> {
  const ready = Object.hasOwn(READY_RULES, name) ? READY_RULES[name] : undefined;
  if (ready !== undefined) return ready.tools;
  if (!/\.(?:json|[cm]?[jt]s)$/.test(name)) {
    const known = Object.keys(READY_RULES).join(", ");
    throw new UsageError(`there are no ready rules "${name}"; there are ${known}. A file ends in .json, .ts or .js`);
  }
  const { tools } = ((name.endsWith(".json") ? readJson(name) : await imported(name)) ?? {}) as { tools?: unknown };
  return checkToolRules(tools, `${name}: tools`);
}

async function imported(name: string): Promise<unknown> {
  if (!existsSync(name)) throw new UsageError(`${name} cannot be read: there is no such file`);
  return (await importModule(name, resolve(name))).default;
}

function readJson(name: string): unknown {
  try {
    return JSON.parse(readFileSync(name, "utf8"));
  } catch (cause) {
    throw new UsageError(`${name} cannot be read: ${(cause as Error).message}`);
  }
}
