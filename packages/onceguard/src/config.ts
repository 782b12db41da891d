import type { AnyAction, DedupOptions } from "./core/action.ts";
import type { Budgets } from "./core/budget.ts";
import type { Duration } from "./core/duration.ts";
import type { Route } from "./core/failure.ts";
import type { FinalityPolicy } from "./core/finality.ts";
import type { KeyRing } from "./core/key-ring.ts";
import type { Notifier } from "./core/notification.ts";
import type { Policy, PolicyRule, RiskTier } from "./core/policy.ts";
import type { Store } from "./core/ports.ts";
import type { ExternalEntry, HttpEntry, McpEntry, ServerEntry } from "./kinds/entries.ts";
import type { GatewayConfig } from "./kinds/gateway-entries.ts";
import type { RetentionRule } from "./pipeline/retention.ts";

/** `onceguard.config.{ts,js,json}`: what the command line and the servers guard, and where the receipts are kept. */
export interface OnceguardConfig {
  /** `sqlite:path` (relative to the config file), `postgres://...`, or, from code, a store of your own. */
  readonly store?: string | Store;
  /** Actions made by `defineAction`, or entries that describe one. */
  readonly actions?: readonly (AnyAction | ActionEntry)[];
  /** MCP servers by name, whose tools entries of kind `mcp` call. */
  readonly servers?: Readonly<Record<string, ServerEntry>>;
  /** What `onceguard gateway` knows of the servers that it stands before. */
  readonly gateway?: GatewayConfig;
  /** Deterministic code, asked before the first claim and again before anything runs again. From code only. */
  readonly policy?: Policy;
  /** Rules without code, asked together with `policy`; the strictest answer counts. */
  readonly rules?: readonly PolicyRule[];
  /** Part of what an approval is bound to: change it when rules or policy change. Default "1". */
  readonly policyVersion?: string;
  /** Limits that halt a run, an action or a tenant. */
  readonly budgets?: Budgets;
  /** When the evidence of a finality case is enough. Default: one source with a confidence of 0.8. */
  readonly finality?: Partial<FinalityPolicy>;
  /** Who is told of what, by route. */
  readonly notify?: NotifyConfig;
  /** Where the keys of private fields are: a folder, or, from code, any key ring of `onceguard/privacy`. */
  readonly keys?: KeyFolderEntry | KeyRing;
  /** What `onceguard retention` forgets, and `serve --retention-every`: the first rule that fits a request counts. Default: nothing. */
  readonly retention?: readonly RetentionRule[];
  /** How long a request waits for approval before it is denied. Default 7 days. */
  readonly holdFor?: Duration;
  /** How long an approval lasts, unless it says so itself. Default 1 hour. */
  readonly approvalFor?: Duration;
  /**
   * The folder for outcomes that the store did not take, relative to the config file; false: nowhere. Default
   * `.onceguard-spill` beside a SQLite file, otherwise beside the config file.
   */
  readonly spill?: string | false;
  /** Longest wait of one call for other callers and for retries. Default 30 s. */
  readonly wait?: Duration;
  /** How long a claim lasts without renewal. Default 30 s. */
  readonly lease?: Duration;
}

/** Keys as files; see docs/privacy.md. */
export interface KeyFolderEntry {
  /** Relative to the config file. */
  readonly folder: string;
  /** 32 bytes as hex or base64, from the environment: `"${ONCEGUARD_MASTER_KEY}"`. */
  readonly masterKey: string;
}

/** Notifiers of `onceguard/notify`, or entries that describe one; several of one route are all told. */
export type NotifyConfig = Readonly<
  Partial<Record<Route, Notifier | NotifierEntry | readonly (Notifier | NotifierEntry)[]>>
>;

/** A notifier as JSON can describe it. Strings may hold `${NAME}`, filled from the environment. */
export type NotifierEntry = WebhookEntry | CommandNotifierEntry;

/** Signed as Standard Webhooks says; see docs/notifications.md. */
export interface WebhookEntry {
  readonly webhook: string;
  readonly secret: string | readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeout?: Duration;
  readonly allowHttp?: boolean;
}

/** An argument list, never a shell; it gets the notification on stdin, and runs in the config file's folder. */
export interface CommandNotifierEntry {
  readonly command: readonly string[];
  readonly timeout?: Duration;
}

/** An action as JSON can describe it. Strings may hold `${NAME}`, filled from the environment. */
export type ActionEntry = ModuleEntry | CommandEntry | HttpEntry | McpEntry | ExternalEntry;

/** An action made by `defineAction` in a file of its own: its default export, or the export with that action name. */
export interface ModuleEntry {
  readonly kind: "module";
  readonly name: string;
  /** Relative to the config file. */
  readonly module: string;
}

/**
 * A program as an action. `command` is an argument list, never a shell; `{field}` as a whole argument is filled from
 * the payload, which is also on stdin as JSON. Exit code, stdout and stderr are the result.
 */
export interface CommandEntry {
  readonly kind: "command";
  readonly name: string;
  readonly command: readonly string[];
  readonly riskTier?: RiskTier;
  /** Part of what an approval is bound to. Default "1". */
  readonly version?: string;
  readonly keyFields?: readonly string[];
  /** The business record touched, such as `order:{orderId}`. */
  readonly record?: string;
  /** One request at a time on its record. Needs `record`. */
  readonly serialize?: boolean;
  /** How long an effect on a record blocks another request of this action on it. */
  readonly dedupWindow?: Duration | "none" | DedupOptions;
  /** The field that says what the effect is worth, in whole smallest units (cents). */
  readonly amount?: string;
  readonly volatile?: readonly string[];
  /** The other side dedupes by `ONCEGUARD_IDEMPOTENCY_KEY`: for how long, or as which provider of the catalogue. */
  readonly downstreamKey?: KeyEntry;
  /** Exit 0: it happened (stdout is the result); 1: it did not; anything else: it cannot tell. */
  readonly probe?: { readonly command: readonly string[] };
  readonly settleDelay?: Duration;
  readonly timeout?: Duration;
  readonly retry?: {
    readonly maxAttempts?: number;
    readonly maxElapsed?: Duration;
    readonly base?: Duration;
    readonly cap?: Duration;
  };
}

/** A lifetime of your own finding, or that of a provider in the catalogue, which can only be shortened. */
export type KeyEntry =
  | { readonly lifetime: Duration; readonly margin?: Duration }
  | { readonly provider: string; readonly lifetime?: Duration; readonly margin?: Duration };

/** Types a config file; gives back what it is given. */
export function defineConfig<const Config extends OnceguardConfig>(config: Config): Config {
  return config;
}
