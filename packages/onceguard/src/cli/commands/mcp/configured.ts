import type { AnyAction } from "../../../core/action.ts";
import { OnceguardError } from "../../../core/errors.ts";
import type { ExternalEntry, HttpEntry, McpEntry, ServerEntry } from "../../../kinds/entries.ts";
import { externalEntry } from "../../../kinds/external-entry.ts";
import { httpAction } from "../../../kinds/http-action.ts";
import { mcpAction } from "../../../kinds/mcp-action.ts";
import { Upstreams } from "../../../kinds/upstreams.ts";
import { configuredActions } from "../../config-actions.ts";
import { fromEnvironment, invalidConfig } from "../../config-source.ts";
import type { LoadedConfig } from "../../load-config.ts";

/** A config's actions, and what has to be let go of when they are no longer needed. */
export interface ConfiguredActions {
  readonly actions: readonly AnyAction[];
  /** What the host performs itself: never handed to a guard, which would execute it. */
  readonly external: readonly AnyAction[];
  close(): Promise<void>;
}

/** @throws OnceguardError `invalid_config` */
export async function configuredForMcp(config: LoadedConfig | null): Promise<ConfiguredActions> {
  if (config === null) return { actions: [], external: [], close: async () => undefined };
  const { folder, path } = config;
  const raw = config.config as unknown as { actions?: readonly unknown[]; servers?: Record<string, ServerEntry> };
  const upstreams = new Upstreams(raw.servers === undefined ? {} : fromEnvironment(raw.servers, path), folder);
  const actions: AnyAction[] = [];
  const external: AnyAction[] = [];
  for (const entry of Array.isArray(raw.actions) ? raw.actions : []) {
    switch ((entry as { kind?: unknown } | null)?.kind) {
      case "http":
        actions.push(made(path, () => httpAction(fromEnvironment(entry, path) as HttpEntry)));
        break;
      case "mcp":
        actions.push(made(path, () => mcpAction(fromEnvironment(entry, path) as McpEntry, upstreams)));
        break;
      case "external":
        external.push(made(path, () => externalEntry(fromEnvironment(entry, path) as ExternalEntry)));
        break;
      default:
        actions.push(...(await configuredActions([entry] as never, folder, path)));
    }
  }
  return { actions, external, close: () => upstreams.close() };
}

function made(path: string, make: () => AnyAction): AnyAction {
  try {
    return make();
  } catch (cause) {
    throw cause instanceof OnceguardError ? invalidConfig(path, cause.message, cause) : cause;
  }
}
