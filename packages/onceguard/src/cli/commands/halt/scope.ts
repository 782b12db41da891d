import { HALT_SCOPES, type Halt, type HaltScope } from "../../../core/halt.ts";
import type { ReceiptQuery } from "../../../core/ports.ts";
import { UsageError } from "../../exit.ts";
import { nextCommand, quoted } from "../../next-step.ts";
import { span, visible } from "../../output.ts";
import type { CommonOptions } from "../../session.ts";

/** What is to be halted or resumed, as the words of a command name it. */
export interface Target {
  readonly scope: HaltScope;
  readonly id: string;
  readonly tenant: string;
}

export const SCOPES: string = HALT_SCOPES.join("|");

/** @throws UsageError */
export function targetOf(verb: string, scope: string, id: string, tenant: string | undefined): Target {
  const known = HALT_SCOPES.find((one) => one === scope);
  if (!known) throw new UsageError(`"${scope}" is no scope: onceguard ${verb} ${SCOPES} ID --reason TEXT`);
  if (known !== "tenant") return { scope: known, id, tenant: tenant ?? "default" };
  if (tenant === undefined || tenant === id) return { scope: known, id, tenant: id };
  throw new UsageError(`name one tenant: onceguard ${verb} tenant ${quoted(id)}, or ${quoted(tenant)}`);
}

/** The requests that a halt of this is about. */
export function within({ scope, id, tenant }: Target): Partial<ReceiptQuery> {
  switch (scope) {
    case "run":
      return { tenant, runId: id };
    case "action":
      return { tenant, action: id };
    case "tenant":
      return { tenant };
  }
}

/** `the run agent-7`, with its tenant where that is not the default one. */
export function nameOf({ scope, id, tenant }: Target): string {
  return `the ${scope} ${visible(id)}${scope === "tenant" || tenant === "default" ? "" : ` of tenant ${visible(tenant)}`}`;
}

export function resumeWords(halt: Target, options: CommonOptions): string {
  const { scope, id, tenant } = halt;
  const whose = scope === "tenant" || tenant === "default" ? "" : ` --tenant ${quoted(tenant)}`;
  return nextCommand(`resume ${scope}`, id, options, `--reason TEXT${whose}`);
}

/** `since 3m, by ann: looks like a loop`. */
export function haltWords({ haltedAt, actor, reason }: Halt, now: number): string {
  return `since ${span(now - haltedAt)}, by ${visible(actor ?? "the guard")}: ${visible(reason)}`;
}
