/** What providers promise about repeated calls, as data: `onceguard/providers`. The guide is docs/providers.md. */
export { type ProviderOverrides, provider, unusable } from "./core/provider.ts";
export type { ProviderContract, ProviderKey, ProviderKind } from "./core/provider-contract.ts";
export { PROVIDERS } from "./core/provider-contracts.ts";
