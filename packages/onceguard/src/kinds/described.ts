import type { DownstreamKey } from "../core/action.ts";
import { OnceguardError } from "../core/errors.ts";
import type { ExternalOptions } from "../core/external-action.ts";
import type { JsonValue } from "../core/json.ts";
import type { PrivacyOptions } from "../core/privacy.ts";
import { provider } from "../core/provider.ts";
import { readPath } from "../core/request-id.ts";
import type { DescribedEntry } from "./entries.ts";
import { type Needs, payloadSchema } from "./payload-schema.ts";
import { fieldsInText, filledText } from "./template.ts";

const NOTHING = { idempotencyKey: "", requestId: "" };

/** The part of an action that all described ones have alike, from its entry. */
export function describedOptions(
  entry: DescribedEntry,
  needs: { readonly text: readonly string[]; readonly whole: readonly string[] },
): Omit<ExternalOptions, "probe"> {
  const { name, record, amount, downstreamKey, privacy } = entry;
  const amounts = amount === undefined ? [] : [fieldNamed(name, amount)];
  const ofRecord = record === undefined ? [] : fieldsInText(record);
  const ofSubject = typeof privacy?.subject === "string" ? fieldsInText(privacy.subject) : [];
  const all: Needs = { text: [...needs.text, ...ofRecord, ...ofSubject], whole: needs.whole, amounts };
  return {
    name,
    input: payloadSchema(all),
    ...given(entry),
    ...(record === undefined ? {} : { record: (payload: JsonValue) => filledText(record, payload, NOTHING) }),
    ...(amount === undefined ? {} : { amount: (payload: JsonValue) => readPath(payload, amount) as number }),
    ...(downstreamKey === undefined ? {} : { downstreamKey: keyOf(downstreamKey) }),
    ...(privacy === undefined ? {} : { privacy: privacyOf(privacy) }),
  };
}

const PLAIN = [
  "riskTier",
  "version",
  "keyFields",
  "serialize",
  "dedupWindow",
  "volatile",
  "settleDelay",
  "timeout",
  "retry",
] as const satisfies readonly (keyof DescribedEntry)[];

function given(entry: DescribedEntry): Pick<DescribedEntry, (typeof PLAIN)[number]> {
  return Object.fromEntries(PLAIN.filter((key) => entry[key] !== undefined).map((key) => [key, entry[key]]));
}

/** A misspelt `idempotencyHeader` would send no key, without a word. @throws OnceguardError `invalid_action` */
export function checkKeys(entry: DescribedEntry, own: readonly string[]): void {
  const known = ["kind", "name", "record", "amount", "downstreamKey", "privacy", ...PLAIN, ...own];
  const unknown = Object.keys(entry).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw invalid(entry.name, `"${unknown}" is no option of it; there are ${known.join(", ")}`);
}

function privacyOf({ subject, ...rest }: NonNullable<DescribedEntry["privacy"]>): PrivacyOptions<JsonValue> {
  return subject === undefined ? rest : { ...rest, subject: (payload) => filledText(subject, payload, NOTHING) };
}

/** As the entry has it, or as the provider's contract does. */
function keyOf(entry: NonNullable<DescribedEntry["downstreamKey"]>): DownstreamKey {
  if (!("provider" in entry)) return entry;
  const { provider: name, ...overrides } = entry;
  return provider(name, overrides);
}

function fieldNamed(name: string, amount: unknown): string {
  if (typeof amount === "string" && /^[A-Za-z_]\w*(?:\.\w+)*$/.test(amount)) return amount;
  throw invalid(name, '`amount` must name a field of the payload, such as "amount" or "total.cents"');
}

export function invalid(name: string, problem: string): OnceguardError {
  return new OnceguardError("invalid_action", `Action "${name}": ${problem}.`, { action: name, problem });
}
