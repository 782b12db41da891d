/** For tests of one's own: `onceguard/testing`. Depends on no test runner. */
export type { CrashPoint, CrashPoints } from "./crash-points.ts";
export { CRASH_POINTS, crashPoints } from "./crash-points.ts";
export type { FakeClock } from "./fake-clock.ts";
export { fakeClock } from "./fake-clock.ts";
export type { Fault, FaultMode, LostAckProxy, LostAckProxyOptions, ReplyBoundary } from "./lost-ack-proxy.ts";
export { postgresReplies, startLostAckProxy } from "./lost-ack-proxy.ts";
export type { CallersTransaction, StoreContractCase, StoreUnderTest } from "./store-contract.ts";
export { storeContract, storeContractCases } from "./store-contract.ts";
