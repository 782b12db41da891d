import type { AnyAction } from "./core/action.ts";
import type { Duration } from "./core/duration.ts";
import type { Policy, PolicyRule, RiskTier } from "./core/policy.ts";
import type { Store } from "./core/ports.ts";

/** `onceguard.config.{ts,js,json}`: what the command line and the servers guard, and where the receipts are kept. */
export interface OnceguardConfig {
  /** `sqlite:path` (relative to the config file), `postgres://...`, or, from code, a store of your own. */
  readonly store?: string | Store;
  /** Actions made by `defineAction`, or entries that describe one. */
  readonly actions?: readonly (AnyAction | ActionEntry)[];
  /** Deterministic rules, asked before the first claim and again before every retry. From code only. */
  readonly policy?: Policy;
  /** Longest wait of one call for other callers and for retries. Default 30 s. */
  readonly wait?: Duration;
  /** How long a claim lasts without renewal. Default 30 s. */
  readonly lease?: Duration;
}

/** An action as JSON can describe it. Strings may hold `${NAME}`, filled from the environment. */
export type ActionEntry = ModuleEntry | CommandEntry;

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
  readonly keyFields?: readonly string[];
  /** The business record touched, such as `order:{orderId}`. */
  readonly record?: string;
  readonly volatile?: readonly string[];
  readonly downstreamKey?: { readonly lifetime: Duration; readonly margin?: Duration };
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

/** Types a config file; gives back what it is given. */
export function defineConfig<const Config extends OnceguardConfig>(config: Config): Config {
  return config;
}
