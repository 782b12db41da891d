import type { Notification } from "../../src/core/notification.ts";

/** What the tests of notifiers tell. */
export const NOTIFICATION: Notification = {
  id: "ntf_2mK4",
  kind: "review",
  route: "domain_expert",
  tenant: "acme",
  requestId: "refund:A1:100",
  action: "refund",
  recordId: "order:A1",
  runId: "run-7",
  reason: "conflict",
  at: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
};

/** The same on the wire. */
export const ON_WIRE = {
  id: "ntf_2mK4",
  kind: "review",
  route: "domain_expert",
  tenant: "acme",
  request_id: "refund:A1:100",
  action: "refund",
  record_id: "order:A1",
  run_id: "run-7",
  reason: "conflict",
  at: "2026-01-02T03:04:05.678Z",
};

/** A signal that does not fire. */
export const NEVER: AbortSignal = new AbortController().signal;
