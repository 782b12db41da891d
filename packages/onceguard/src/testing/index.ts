/** For tests of one's own: `onceguard/testing`. Depends on no test runner. */
export type { CrashPoint, CrashPoints } from "./crash-points.ts";
export { CRASH_POINTS, crashPoints } from "./crash-points.ts";
export type { OnceOptions } from "./expect-once.ts";
export { expectOnce, howOften } from "./expect-once.ts";
export type { FakeClock } from "./fake-clock.ts";
export { fakeClock } from "./fake-clock.ts";
export type { FlakyWorld, FlakyWorldOptions, WorldEffect, WorldFault } from "./flaky-world.ts";
export { startFlakyWorld } from "./flaky-world.ts";
export type { Fault, FaultMode, LostAckProxy, LostAckProxyOptions, ReplyBoundary } from "./lost-ack-proxy.ts";
export { postgresReplies, startLostAckProxy } from "./lost-ack-proxy.ts";
export type { OnceReport, ScenarioReport } from "./once-report.ts";
export type { Scenario } from "./once-scenarios.ts";
export type { OnceCall, OnceTool, ToolModule } from "./once-tool.ts";
export type { CallersTransaction, StoreContractCase, StoreUnderTest } from "./store-contract.ts";
export { storeContract, storeContractCases } from "./store-contract.ts";
