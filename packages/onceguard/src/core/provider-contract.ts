import type { Duration } from "./duration.ts";

/**
 * What one provider promises about repeated calls, as data: an entry of the catalogue in `provider-contracts.ts`.
 * `"unknown"` and a missing field mean that no source was found, and are never a guess.
 */
export interface ProviderContract {
  /** What `provider(name)` takes. */
  readonly name: string;
  readonly title: string;
  readonly kind: ProviderKind;
  /** Null: no call of this provider takes a key by which it dedupes. */
  readonly key: ProviderKey | null;
  /**
   * Same key, same parameters. `replays`: the first answer again, or a success without a second effect. `rejects`: an
   * error that says it is already there, so that a re-send is harmless but never brings the result. `executes`: a
   * second effect.
   */
  readonly onRepeat: "replays" | "rejects" | "executes" | "unknown";
  /** Same key, other parameters. */
  readonly onMismatch: "error" | "replays_first" | "executes" | "unknown";
  /**
   * Which error answers are kept and given again for later sends with the same key. Where they are, trying again under
   * that key asks nothing new: it brings the old error until the key is forgotten.
   */
  readonly cachesErrors: "none" | "server_errors" | "all" | "unknown";
  /** How a `probe` can find what was sent, and how far such reads lag behind writes. Null: no such read is known. */
  readonly lookup: { readonly how: string; readonly lag: Duration | "unknown" } | null;
  /** A second send while the first still runs. */
  readonly concurrent: "conflict" | "waits" | "unknown";
  /** Where this was read: an address, or a package with its version. */
  readonly source: string;
  /** The day on which it was read, `YYYY-MM-DD`. */
  readonly checked: string;
  /** Traps, and what the fields leave out. */
  readonly notes?: string;
  /** What to do where there is no usable key, if a probe is not (all of) the answer. */
  readonly instead?: string;
}

/** What a provider's calls do, roughly. */
export type ProviderKind = "payments" | "trading" | "messages" | "records" | "queues" | "cloud" | "models";

/** The key by which a provider dedupes. */
export interface ProviderKey {
  /** How it is passed: the header, the field, the option of the SDK. */
  readonly where: string;
  /** The calls that take it. On all others it does nothing. */
  readonly covers: string;
  /** In characters. Missing: none is documented. */
  readonly maxLength?: number;
  /** A regular expression that every key has to match, where the provider refuses others. */
  readonly pattern?: string;
  /**
   * How long after the first send it dedupes: the shortest time documented for any call it covers. Missing: the provider
   * gives no number, or one with exceptions that the caller cannot see; such a key is no ground for sending again.
   */
  readonly lifetime?: Duration | "forever";
  /** What a key is unique within: account, endpoint, queue. */
  readonly scope?: string;
  /** What has to be set up for it to dedupe at all. */
  readonly requires?: string;
}
