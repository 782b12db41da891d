/** For tests of one's own: `onceguard/testing`. Depends on no test runner. */
export type { FakeClock } from "./fake-clock.ts";
export { fakeClock } from "./fake-clock.ts";
export type { StoreContractCase, StoreUnderTest } from "./store-contract.ts";
export { storeContract, storeContractCases } from "./store-contract.ts";
