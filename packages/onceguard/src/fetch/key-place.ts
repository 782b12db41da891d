import type { DownstreamKey } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import { provider } from "../core/provider.ts";
import type { FetchRule } from "./rule.ts";

/** Where the idempotency key goes in a request, and how long the other side dedupes by it. */
export interface KeyPlace {
  readonly place: { readonly header: string } | { readonly field: string } | null;
  readonly downstreamKey: DownstreamKey | null;
}

/** As the rule says, or as the provider's contract does. @throws OnceguardError `invalid_option` | `unknown_provider` */
export function keyPlaceOf(rule: FetchRule): KeyPlace {
  const { name, provider: named, idempotencyHeader, downstreamKey } = rule;
  if (named !== undefined) {
    if (idempotencyHeader !== undefined || downstreamKey !== undefined) {
      throw invalid(name, "give either `provider`, or `idempotencyHeader` and `downstreamKey`");
    }
    const contract = provider(named);
    return { place: placeIn(name, named, contract.contract?.key?.where ?? ""), downstreamKey: contract };
  }
  if (downstreamKey !== undefined && idempotencyHeader === undefined) {
    throw invalid(name, "it has a downstreamKey and sends no key: name `idempotencyHeader`");
  }
  if (idempotencyHeader !== undefined && !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(idempotencyHeader)) {
    throw invalid(name, "`idempotencyHeader` must name a header");
  }
  return {
    place: idempotencyHeader === undefined ? null : { header: idempotencyHeader },
    downstreamKey: downstreamKey ?? null,
  };
}

/** From the contract's words: `header Idempotency-Key (SDK: ...)`, `body field idempotency_key`. */
function placeIn(rule: string, provider: string, where: string): NonNullable<KeyPlace["place"]> {
  const header = /^header (?:or query parameter )?([A-Za-z][\w-]*)(?: |$)/.exec(where)?.[1];
  if (header !== undefined) return { header };
  const field = /^body field (\w+)(?: \(|$)/.exec(where)?.[1];
  if (field !== undefined) return { field };
  throw invalid(rule, `the key of ${provider} is passed as "${where}", which no HTTP request carries by itself`);
}

function invalid(rule: string, problem: string): OnceguardError {
  return new OnceguardError("invalid_option", `The rule "${rule}": ${problem}.`, { option: "rules", rule });
}
