/** What can be stopped: everything of one agent run, one action, or one tenant. */
export type HaltScope = "run" | "action" | "tenant";

export const HALT_SCOPES: readonly HaltScope[] = ["run", "action", "tenant"];

/** An order to stop. In force from the commit that records it: no process claims or dispatches under it. */
export interface HaltOrder {
  readonly tenant: string;
  readonly scope: HaltScope;
  /** The run's id or the action's name; for a tenant, the tenant again. */
  readonly id: string;
  /** Why: `security`, `budget:...`, or a person's words. */
  readonly reason: string;
  /** The person; null when the guard stopped it by itself. */
  readonly actor: string | null;
}

/** A halt as recorded; in force while `resumedAt` is null. Times are ms since the epoch by the store's clock. */
export interface Halt extends HaltOrder {
  readonly haltedAt: number;
  readonly resumedAt: number | null;
  readonly resumedBy: string | null;
  readonly resumeReason: string | null;
}

/** Who asks: what a halt can match. */
export interface HaltSubject {
  readonly tenant: string;
  readonly action: string;
  readonly runId: string | null;
}

/** Whether a halt covers a request. */
export function halts(halt: HaltOrder, subject: HaltSubject): boolean {
  if (halt.tenant !== subject.tenant) return false;
  switch (halt.scope) {
    case "tenant":
      return true;
    case "action":
      return halt.id === subject.action;
    case "run":
      return halt.id === subject.runId;
  }
}
