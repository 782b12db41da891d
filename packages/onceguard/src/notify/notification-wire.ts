import type { Notification } from "../core/notification.ts";

/** A notification as JSON: the `data` of a webhook, the stdin of a command. */
export interface NotificationOnWire {
  readonly id: string;
  readonly kind: Notification["kind"];
  readonly route: Notification["route"];
  readonly tenant: string;
  readonly request_id: string | null;
  readonly action: string | null;
  readonly record_id: string | null;
  readonly run_id: string | null;
  readonly reason: string | null;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** Field by field, so that one which is added to `Notification` does not leave the house unnoticed. */
export function notificationOnWire(notification: Notification): NotificationOnWire {
  return {
    id: notification.id,
    kind: notification.kind,
    route: notification.route,
    tenant: notification.tenant,
    request_id: notification.requestId,
    action: notification.action,
    record_id: notification.recordId,
    run_id: notification.runId,
    reason: notification.reason,
    at: new Date(notification.at).toISOString(),
  };
}
