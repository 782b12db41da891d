import { readFileSync } from "node:fs";
import type { GatewayConfig, ToolRules } from "../../../kinds/gateway-entries.ts";
import { READY_RULES } from "../../../mcp/gateway/ready-rules/index.ts";
import { checkToolRules } from "../../../mcp/gateway/tool-rule.ts";
import { UsageError } from "../../exit.ts";

/** What is known of a server's tools: what was named on the command line first, then the config, of it the nearer first. */
export function rulesFor(
  server: string,
  named: readonly string[],
  config: GatewayConfig | undefined,
): { readonly rules: readonly ToolRules[]; readonly trusted: readonly string[] } {
  const configured = config ?? {};
  const ofServer = configured.servers?.[server]?.tools;
  return {
    rules: [
      ...named.map(rulesNamed),
      ...(ofServer === undefined ? [] : [checkToolRules(ofServer, `gateway.servers.${server}.tools`)]),
      ...(configured.tools === undefined ? [] : [checkToolRules(configured.tools, "gateway.tools")]),
    ],
    trusted: configured.trusted ?? [],
  };
}

function rulesNamed(name: string): ToolRules {
  const ready = Object.hasOwn(READY_RULES, name) ? READY_RULES[name] : undefined;
  if (ready !== undefined) return ready.tools;
  if (!name.endsWith(".json")) {
    throw new UsageError(
      `there are no ready rules "${name}"; there are ${Object.keys(READY_RULES).join(", ")}. A file ends in .json`,
    );
  }
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(name, "utf8"));
  } catch (cause) {
    throw new UsageError(`${name} cannot be read: ${(cause as Error).message}`);
  }
  const { tools } = (read ?? {}) as { tools?: unknown };
  return checkToolRules(tools, `${name}: tools`);
}
