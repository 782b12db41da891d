import { canonicalJson } from "../../core/canonical-json.ts";
import { withoutFields } from "../../core/fingerprint.ts";
import type { JsonValue } from "../../core/json.ts";
import type { Receipt, State } from "../../core/receipt.ts";
import { deriveRequestId } from "../../core/request-id.ts";
import { sha256 } from "../../pipeline/digest.ts";
import type { Guard } from "../../pipeline/guard.ts";

/** Settled, and nothing happened: the same arguments again are a new try. */
const AGAIN: ReadonlySet<State> = new Set(["failed", "expired"]);
/** As long as one of these lasts, the same arguments ask for the same thing. */
const SETTLED: ReadonlySet<State> = new Set(["succeeded", "failed", "denied", "compensated", "expired"]);

/** What has changed its record, or may have, or is about to. */
const CHANGES: readonly State[] = ["running", "retry_wait", "in_doubt", "review", "succeeded"];

const REMEMBERED = 10_000;

/**
 * The lowest rung of the identity ladder: the same arguments are the same intent, until `windowMs` after it was settled.
 * Then the next such call is a new one, whose id is derived from that of the one before. No time is in any id: two
 * callers who disagree about whether the window has passed differ in whether they mean the old request or the next one,
 * and of the next one there is only one.
 */
export class ContentIdentity {
  readonly #guard: Pick<Guard, "receipt" | "receipts">;
  /** Where the chain of ids was last seen to end, by its first id. Only saves look-ups. */
  readonly #ends = new Map<string, string>();

  constructor(guard: Pick<Guard, "receipt" | "receipts">) {
    this.#guard = guard;
  }

  /** The scope under which the guard derives this call's request id from its content. */
  async scopeOf(call: {
    readonly tenant: string;
    readonly action: string;
    readonly payload: JsonValue;
    readonly volatile: readonly string[];
    readonly windowMs: number;
    /** The record that another effect would have changed; null: only time ends the window. */
    readonly untilChanged?: string | null;
  }): Promise<string> {
    const { tenant, action } = call;
    const content = canonicalJson(withoutFields(call.payload, call.volatile));
    const idIn = (scope: string): string => deriveRequestId(sha256, tenant, action, ["content", scope, content]);
    const first = idIn("");
    let scope = this.#ends.get(first) ?? "";
    for (;;) {
      const id = scope === "" ? first : idIn(scope);
      const receipt = await this.#guard.receipt(id, { tenant });
      if (receipt === null) return scope;
      if (!isOver(receipt, call.windowMs) && !(await this.#isChangedSince(receipt, call.untilChanged ?? null)))
        return scope;
      scope = `after ${id}`;
      this.#remember(first, scope);
    }
  }

  /** Whether something else has been done to the record since: then the same call would not find what it left. */
  async #isChangedSince({ tenant, requestId, state, updatedAt }: Receipt, recordId: string | null): Promise<boolean> {
    if (recordId === null || state !== "succeeded") return false;
    const [latest] = await this.#guard.receipts({ tenant, recordId, states: CHANGES, limit: 1 });
    return latest !== undefined && latest.requestId !== requestId && latest.createdAt > updatedAt;
  }

  #remember(first: string, scope: string): void {
    this.#ends.delete(first);
    this.#ends.set(first, scope);
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > REMEMBERED && oldest !== undefined) this.#ends.delete(oldest);
  }
}

function isOver({ state, readAt, updatedAt }: Receipt, windowMs: number): boolean {
  return AGAIN.has(state) || (SETTLED.has(state) && readAt - updatedAt >= windowMs);
}
