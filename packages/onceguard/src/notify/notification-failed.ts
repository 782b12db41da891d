import { stripVTControlCharacters } from "node:util";
import { OnceguardError } from "../core/errors.ts";
import type { Notification } from "../core/notification.ts";

/** Most characters of foreign text (a command's stderr, a network error) in one message. */
const LONGEST_FOREIGN_TEXT = 500;

/**
 * Not delivered, as far as we know.
 *
 * @param problem what happened, going on from "did not take notification n1: ".
 * @param fields beside the notifier's name and the notification's id.
 */
export function notificationFailed(
  notifier: string,
  notification: Notification,
  problem: string,
  fields: Readonly<Record<string, unknown>> = {},
  cause?: unknown,
): OnceguardError {
  return new OnceguardError(
    "notification_failed",
    `${notifier} did not take notification ${foreignText(notification.id)}: ${problem}`,
    { notifier, id: notification.id, ...fields },
    cause === undefined ? {} : { cause },
  );
}

/** The end of a text that others wrote, on one line: it goes to logs and terminals, and must not steer them. */
export function foreignText(text: string): string {
  const line = stripVTControlCharacters(text)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim();
  return line.length > LONGEST_FOREIGN_TEXT ? `…${line.slice(-LONGEST_FOREIGN_TEXT)}`.toWellFormed() : line;
}
