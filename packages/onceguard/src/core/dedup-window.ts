import type { KeySource } from "./request-id.ts";

const DAY_MS = 86_400_000;

/**
 * The window of the loop filter where the action states none, in milliseconds: 24 h where the identity came from a lower
 * rung, because there a new id may be the same intent. For a business key or an explicit id `undefined`: the action has
 * to say (two part refunds on one order are legitimate, six hours of escalations are not), and `checklist` asks until it
 * does. See docs/control.md.
 */
export function defaultDedupWindow(keySource: KeySource): number | undefined {
  return keySource === "host_call" || keySource === "content" ? DAY_MS : undefined;
}
