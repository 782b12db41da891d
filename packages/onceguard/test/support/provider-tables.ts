import { provider, unusable } from "../../src/core/provider.ts";
import type { ProviderContract } from "../../src/core/provider-contract.ts";
import { PROVIDERS } from "../../src/core/provider-contracts.ts";

/** The generated parts of docs/providers.md, by the name in their markers. */
export function providerTables(): Readonly<Record<string, string>> {
  const usable = PROVIDERS.filter((contract) => unusable(contract) === null);
  const others = PROVIDERS.filter((contract) => !usable.includes(contract));
  return {
    usable: table(
      [
        "provider",
        "how the key is passed",
        "lifetime",
        "repeat",
        "other parameters",
        "errors kept",
        "at the same time",
      ],
      usable.map((contract) => [
        named(contract),
        where(contract),
        String(contract.key?.lifetime),
        contract.onRepeat,
        contract.onMismatch.replaceAll("_", " "),
        contract.cachesErrors.replaceAll("_", " "),
        contract.concurrent,
      ]),
    ),
    others: table(
      ["provider", "what `provider` says"],
      others.map((contract) => [named(contract), refusal(contract)]),
    ),
    notes: PROVIDERS.map(note).join("\n"),
  };
}

/** Replaces what stands between `<!-- generated: name -->` and `<!-- end -->`. */
export function withTables(page: string): string {
  return Object.entries(providerTables()).reduce((text, [name, part]) => {
    const found = new RegExp(`(<!-- generated: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
    if (!found.test(text)) throw new Error(`docs/providers.md has no place for "${name}"`);
    return text.replace(found, (_, start, end) => `${start}\n${part}\n\n${end}`);
  }, page);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

function named({ name, title }: ProviderContract): string {
  return `\`${name}\`${title.toLowerCase().replaceAll(/[^a-z0-9]/g, "") === name.replaceAll("-", "") ? "" : ` ${title}`}`;
}

function where({ key }: ProviderContract): string {
  return `${key?.where}: ${key?.covers}${key?.requires ? `. Needs ${key.requires}` : ""}`;
}

function refusal({ name }: ProviderContract): string {
  try {
    provider(name);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`${name} can be used`);
}

function note({ name, key, lookup, notes, source, checked }: ProviderContract): string {
  const lag = lookup?.lag === "unknown" ? "how far it lags is not known" : `it lags by up to ${lookup?.lag}`;
  const parts = [
    notes,
    key?.scope && `Scope of a key: ${key.scope}.`,
    lookup && `To look it up, ${lookup.how}; ${lookup.lag === 0 ? "it does not lag" : lag}.`,
    `${source}, ${checked}.`,
  ];
  return `- **${name}**: ${parts.filter(Boolean).join(" ")}`;
}
