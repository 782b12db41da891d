export type { ActionEntry, CommandEntry, ModuleEntry, OnceguardConfig } from "./config.ts";
export { defineConfig } from "./config.ts";
export type {
  ActionDefinition,
  ActionOptions,
  AnyAction,
  CallContext,
  DedupOptions,
  DownstreamKey,
  EffectContext,
  ProbeAnswer,
  Schema,
} from "./core/action.ts";
export { capabilityOf, defineAction, promiseOf } from "./core/action.ts";
export type { Attribution, Cause } from "./core/attribution.ts";
export type {
  BlastQuery,
  BlastRadius,
  CorrectionPlan,
  LaterTouch,
  PlanRow,
  Touched,
  UndoObstacle,
} from "./core/blast-radius.ts";
export type { AmountBudget, Budgets } from "./core/budget.ts";
export type { Difference } from "./core/diff.ts";
export type { Duration } from "./core/duration.ts";
export type { ErrorCode } from "./core/errors.ts";
export { docsUrl, OnceguardError } from "./core/errors.ts";
export type { Certainty, Classify, Failure, FailureTier, Route } from "./core/failure.ts";
export { classifyFailure, effectError } from "./core/failure.ts";
export type { FinalityCase, FinalityPolicy, OutcomeSignal } from "./core/finality.ts";
export type { Halt, HaltScope } from "./core/halt.ts";
export type { Approval, Hold } from "./core/hold.ts";
export type { JsonObject, JsonValue } from "./core/json.ts";
export type { Notification, Notifier } from "./core/notification.ts";
export type {
  Failed,
  Halted,
  Held,
  InDoubt,
  InReview,
  Outcome,
  Refused,
  Skipped,
  Status,
  Success,
  Unavailable,
  Waiting,
} from "./core/outcome.ts";
export { HTTP_STATUS } from "./core/outcome.ts";
export type { Policy, PolicyQuestion, PolicyRule, RiskTier, Verdict } from "./core/policy.ts";
export type { Clock, LogEntry, LogQuery, Randomness, ReceiptQuery, Store, StoreInfo } from "./core/ports.ts";
export type { Capability, Evidence, Receipt, State, StoredResult } from "./core/receipt.ts";
export type { KeySource } from "./core/request-id.ts";
export type { JsonLimits } from "./core/strict-json.ts";
export type { Telemetry } from "./core/telemetry.ts";
export type {
  CorrectedRow,
  Correction,
  CorrectionPreview,
  CorrectionProgress,
  CorrectionReport,
} from "./pipeline/correct.ts";
export { createGuard } from "./pipeline/create-guard.ts";
export type { Guard, GuardOptions, InlineCall } from "./pipeline/guard.ts";
export type { Reconciliation } from "./pipeline/reconcile.ts";
export type { Decision } from "./pipeline/review.ts";
export { unwrap } from "./pipeline/unwrap.ts";
