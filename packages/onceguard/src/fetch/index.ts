/** An outbound `fetch` that does not do it twice: `onceguard/fetch`. The guide is docs/fetch.md. */
export { guardedDispatch } from "./dispatcher.ts";
export { type GuardedFetch, guardedFetch } from "./guarded-fetch.ts";
export type { FetchPayload, FetchProbe, FetchRule, GuardedFetchOptions } from "./rule.ts";
