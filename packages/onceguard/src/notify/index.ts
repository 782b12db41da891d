/** Ways to tell people what waits for them: `onceguard/notify`. */
export type { Notification, Notifier } from "../core/notification.ts";
export type { CallbackNotifierOptions, NotificationCallback } from "./callback.ts";
export { callbackNotifier } from "./callback.ts";
export type { CommandNotifierOptions } from "./command.ts";
export { commandNotifier } from "./command.ts";
export type { NotifierClock } from "./deadline.ts";
export type { NotificationOnWire } from "./notification-wire.ts";
export type { WebhookNotifierOptions } from "./webhook.ts";
export { webhookNotifier } from "./webhook.ts";
