import data from "./sinks.json" with { type: "json" };

export type Tier = "irreversible" | "side-effecting" | "local-state";

/** Where a provider takes an idempotency key, and for how long it remembers it. */
export interface KeySupport {
  place: "option" | "body" | "header" | "param" | "none";
  names: string[];
  lifetimeHours?: number;
  retention?: string;
  where?: string;
  /** A key that the client makes by itself, per call: it does not survive a second call. */
  auto?: string;
  /** Places that look right and do nothing. */
  traps?: string[];
}

/** One provider or library whose calls change something outside the process. */
export interface Sink {
  id: string;
  packages: string[];
  kind: string;
  tier: Tier;
  /** How its client is made; empty when the module itself is the client. */
  client: string[];
  write: string[];
  read: string[];
  /** Writes that come out the same when they are repeated. */
  natural: string[];
  key: KeySupport;
  sdkRetry?: { default?: number; methods?: string; note?: string };
  probe?: string;
  fix?: string;
}

export const SINKS_VERSION: string = data.version;
export const SINKS: readonly Sink[] = data.sinks as unknown as Sink[];
