import type { DownstreamKey } from "./action.ts";
import { type Duration, durationMs } from "./duration.ts";
import { OnceguardError } from "./errors.ts";
import { idempotencyKey } from "./idempotency-key.ts";
import { nearNames } from "./near-names.ts";
import type { ProviderContract, ProviderKey } from "./provider-contract.ts";
import { PROVIDERS } from "./provider-contracts.ts";

/** How `provider` may depart from the contract: only to the safe side. */
export interface ProviderOverrides {
  /** Shorter than the contract's, never longer. */
  readonly lifetime?: Duration;
  /** Kept clear of the lifetime's end. Default 10 % of it. */
  readonly margin?: Duration;
}

const OVERRIDES: Readonly<Record<keyof ProviderOverrides, true>> = { lifetime: true, margin: true };

/** Longer than any retry, and short enough for every number and clock that it is added to. */
const FOREVER: Duration = "36500d";

/** What fits is asked of a real key, so that a change of its shape is noticed here. All have the same shape. */
const ANY_KEY: string = idempotencyKey(() => "0".repeat(64), "tenant", "request", 1);

/**
 * A provider's contract as an action's `downstreamKey`: `downstreamKey: provider("stripe")`. The action still has to
 * send `idempotencyKey` where the contract's `key.where` says, on a call that `key.covers`.
 *
 * @throws OnceguardError `unknown_provider` for a name that the catalogue does not have; `invalid_option` for a provider
 * whose keys are no ground for sending again, saying what to do instead, and for a lifetime longer than the contract's.
 */
export function provider(name: string, overrides: ProviderOverrides = {}): DownstreamKey {
  const contract = contractOf(name);
  const why = unusable(contract);
  if (why !== null) {
    throw new OnceguardError("invalid_option", `${why} ${instead(contract)}`, {
      option: "downstreamKey",
      provider: contract.name,
    });
  }
  const option = Object.keys(overrides).find((key) => !Object.hasOwn(OVERRIDES, key));
  if (option !== undefined) {
    throw new OnceguardError(
      "invalid_option",
      `"${option}" is no option of provider("${contract.name}"); there are ${Object.keys(OVERRIDES).join(", ")}.`,
      { option },
    );
  }
  return {
    lifetime: shortened(contract, overrides.lifetime),
    ...(overrides.margin === undefined ? {} : { margin: overrides.margin }),
    contract,
  };
}

/** Why `provider` refuses this one as a `downstreamKey`, in a sentence; null where it does not. */
export function unusable(contract: ProviderContract): string | null {
  const { title, key, onRepeat } = contract;
  if (key === null) return `${title} takes no key by which it dedupes, so a repeated call is a second effect.`;
  const misfit = misfitOf(key);
  if (misfit !== null) return `${title} does not take our idempotency key, in ${key.where}: ${misfit}.`;
  if (onRepeat === "executes") {
    return `${title} takes an id, ${key.where}, but a repeated call can be a second effect all the same.`;
  }
  if (key.lifetime === undefined) {
    return `${title} takes a key, ${key.where}, but gives no time for which it certainly remembers one.`;
  }
  return null;
}

function misfitOf({ maxLength, pattern }: ProviderKey): string | null {
  if (maxLength !== undefined && ANY_KEY.length > maxLength) {
    return `it has ${ANY_KEY.length} characters, and at most ${maxLength} are allowed`;
  }
  return pattern === undefined || new RegExp(pattern).test(ANY_KEY) ? null : `keys have to match ${pattern}`;
}

function instead({ lookup, instead: advice }: ProviderContract): string {
  const words = [
    advice,
    lookup && `Give the action a probe: ${lookup.how}.`,
    advice || lookup
      ? undefined
      : "No read is known by which a probe could ask either: an unknown outcome is a question for a person.",
  ];
  return words.filter(Boolean).join(" ");
}

function shortened({ name, key }: ProviderContract, wanted: Duration | undefined): Duration {
  const most = key?.lifetime === "forever" ? FOREVER : (key?.lifetime as Duration);
  if (wanted === undefined) return most;
  const option = `provider("${name}").lifetime`;
  if (durationMs(wanted, option) <= durationMs(most, option)) return wanted;
  throw new OnceguardError(
    "invalid_option",
    `${option} is ${JSON.stringify(wanted)}, longer than the documented ${JSON.stringify(key?.lifetime)}: it can only be shortened. ` +
      `If the provider has promised you more, say so yourself: downstreamKey: { lifetime: ${JSON.stringify(wanted)} }.`,
    { option, value: wanted },
  );
}

function contractOf(name: string): ProviderContract {
  const found = PROVIDERS.find((contract) => contract.name === name);
  if (found) return found;
  const near = nearNames(
    String(name),
    PROVIDERS.map((contract) => contract.name),
  );
  const hint = near.length > 0 ? ` Did you mean ${near.map((other) => `"${other}"`).join(" or ")}?` : "";
  throw new OnceguardError(
    "unknown_provider",
    `There is no provider ${JSON.stringify(name)}.${hint} PROVIDERS of onceguard/providers lists them all; ` +
      "for any other, take the lifetime from its documentation: downstreamKey: { lifetime }.",
    { provider: name, near },
  );
}
