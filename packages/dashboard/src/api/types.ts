/** What the HTTP API answers with, as far as the console shows it. snake_case, as on the wire. */
export type Role = "caller" | "reviewer" | "operator" | "auditor";

export type State =
  | "held"
  | "running"
  | "retry_wait"
  | "in_doubt"
  | "review"
  | "succeeded"
  | "failed"
  | "denied"
  | "compensating"
  | "compensated"
  | "expired";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

export interface Me {
  readonly tenant: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly open: boolean;
  readonly version: string;
  readonly sealed: boolean;
  readonly trace_url: string | null;
}

export interface Failure {
  readonly certainty: "definite" | "indefinite";
  readonly tier: string | null;
  readonly code: string;
  readonly message: string;
}

export interface Hold {
  readonly waits_for: "approval" | "case";
  readonly reasons: readonly string[];
  readonly case_id: string | null;
  readonly outcome: string | null;
  readonly approval: { readonly actor: string; readonly reason: string; readonly expires_at: string } | null;
}

export interface Receipt {
  readonly request_id: string;
  readonly explicit_id: string | null;
  readonly action: string;
  readonly record_id: string | null;
  readonly risk_tier: string;
  readonly capability: string;
  readonly key_source: string;
  readonly fingerprint: string;
  readonly run_id: string | null;
  readonly actor: string | null;
  readonly host_scope: string | null;
  readonly host_call_id: string | null;
  readonly trace_id: string | null;
  readonly amount: number | null;
  readonly case_id: string | null;
  readonly state: State;
  readonly conflict: boolean;
  readonly may_have_applied: boolean;
  readonly fencing_token: number;
  readonly generation: number;
  readonly attempt_number: number;
  readonly version: number;
  readonly evidence: string | null;
  readonly reason: string | null;
  readonly route: string | null;
  readonly hold: Hold | null;
  readonly failure: Failure | null;
  readonly payload: Json;
  readonly result: Json;
  readonly result_omitted: string | null;
  readonly created_at: string;
  readonly updated_at: string;
  readonly due_at: string | null;
}

export interface LogEntry {
  readonly seq: number;
  readonly at: string;
  readonly request_id?: string | null;
  readonly event: string;
  readonly action: string | null;
  readonly record_id: string | null;
  readonly run_id: string | null;
  readonly actor: string | null;
  readonly host_scope: string | null;
  readonly host_call_id: string | null;
  readonly trace_id: string | null;
  readonly cause: string | null;
  readonly state: State | null;
  readonly version: number;
  readonly fencing_token: number;
  readonly attempt_number: number;
  readonly before: Json;
  readonly after: Json;
  readonly detail: { readonly [name: string]: Json } | null;
}

export interface ReceiptDocument {
  readonly status: string;
  readonly request_id: string;
  readonly next: string;
  readonly record?: Receipt;
  readonly log?: readonly LogEntry[];
}

export interface Page {
  readonly receipts: readonly Receipt[];
  readonly next: string | null;
}

export type Counted = "executed" | "replayed" | "skipped" | "in_doubt" | "review" | "failed" | "refused";

export interface Overview {
  readonly from: string;
  readonly until: string;
  readonly bar_ms: number;
  readonly complete: boolean;
  readonly counting: boolean;
  readonly counted_since: string;
  readonly totals: Readonly<Record<Counted, number>>;
  readonly prevented: { readonly count: number; readonly amount: number; readonly amount_known_for: number };
  readonly bars: readonly (Readonly<Record<Counted, number>> & { readonly at: string })[];
  readonly open: Readonly<
    Record<"in_doubt" | "review" | "held" | "awaiting_approval" | "retry_wait" | "running", number>
  >;
  readonly counted_up_to: number;
  readonly halts: number;
  readonly waiting: readonly Receipt[];
}

export interface Halt {
  readonly scope: "run" | "action" | "tenant";
  readonly id: string;
  readonly reason: string;
  readonly actor: string | null;
  readonly halted_at: string;
}

export interface Run {
  readonly run_id: string;
  readonly requests: number;
  readonly states: Readonly<Partial<Record<State, number>>>;
  readonly actors: readonly string[];
  readonly actions: readonly string[];
  readonly last_at: string | null;
  readonly halt: Halt | null;
}

export interface OutcomeSignal {
  readonly id: string;
  readonly source: string;
  readonly outcome: string;
  readonly confidence: number;
  readonly at: number;
}

export interface Case {
  readonly id: string;
  readonly state: "OPEN" | "RESOLVED_PROVISIONAL" | "IN_RECONCILIATION" | "FINAL" | "SETTLED";
  readonly signals: readonly OutcomeSignal[];
  readonly late: readonly OutcomeSignal[];
  readonly leading: { readonly outcome: string; readonly since: number } | null;
  readonly final: {
    readonly by: "policy" | "person";
    readonly outcome: string;
    readonly at: number;
    readonly actor?: string;
    readonly reason?: string;
  } | null;
  readonly taken_by: string | null;
  readonly settled_by: string | null;
  readonly waiting?: readonly string[];
}

export interface Difference {
  readonly path: string;
  readonly from: Json;
  readonly to: Json;
}

export interface Touched {
  readonly receipt: Receipt;
  readonly certainty: "happened" | "may_have_happened";
  readonly before: Json;
  readonly after: Json;
  readonly changes: readonly Difference[] | null;
  readonly effect_at: string | null;
  readonly later: readonly { readonly request_id: string; readonly actor: string | null; readonly at: string }[];
  readonly undo: string;
}

export interface BlastRadius {
  readonly at: string;
  readonly token: string;
  readonly rows: readonly Touched[];
  readonly plan: { readonly rows: readonly { readonly request_id: string }[] };
}

export interface CorrectionRow {
  readonly request_id: string;
  readonly record_id: string | null;
  readonly [member: string]: unknown;
}

export interface ActionPolicy {
  readonly name: string;
  readonly risk_tier: string;
  readonly capability: string;
  readonly version: string;
  readonly retry: { readonly max_attempts: number; readonly max_elapsed_ms: number };
  readonly timeout_ms: number;
  readonly downstream_key: { readonly lifetime_ms: number; readonly provider: string | null } | null;
  readonly dedup: "none" | { readonly window_ms: number; readonly limit: number; readonly behaviour: string } | null;
  readonly serialize: boolean;
  readonly undo: boolean;
}

export interface Rule {
  readonly verdict: "deny" | "review";
  readonly reason: string;
  readonly risk_tier?: string;
  readonly action?: string;
  readonly tenant?: string;
  readonly amount_over?: number;
}

export interface Policies {
  readonly rules: readonly Rule[] | null;
  readonly has_policy: boolean | null;
  readonly policy_version: string | null;
  readonly budgets: {
    readonly max_actions_per_run: number | null;
    readonly max_repeats_per_record: number | null;
    readonly amounts: readonly {
      readonly limit: number;
      readonly window_ms: number;
      readonly per: string;
      readonly action?: string;
    }[];
  } | null;
  readonly finality: {
    readonly threshold: number;
    readonly min_sources: number;
    readonly weights: Readonly<Record<string, number>>;
    readonly default_weight: number;
  } | null;
  readonly notified: Readonly<Record<string, readonly string[]>> | null;
  readonly actions: readonly ActionPolicy[];
}

export interface ChecklistPoint {
  readonly answer: "yes" | "no" | "unknown";
  readonly found: string;
  readonly by: string | null;
  readonly add: string | null;
}

export interface Checklist {
  readonly actions: readonly {
    readonly action: string;
    readonly risk_tier: string;
    readonly promise: string;
    readonly questions: readonly {
      readonly number: number;
      readonly question: string;
      readonly answer: "yes" | "no" | "unknown";
      readonly points: readonly ChecklistPoint[];
    }[];
  }[];
  readonly unanswered: readonly { readonly action: string; readonly number: number }[];
}

export interface Provider {
  readonly name: string;
  readonly title: string;
  readonly kind: string;
  readonly key: {
    readonly where: string;
    readonly covers: string;
    readonly max_length?: number;
    readonly lifetime?: string | number;
    readonly scope?: string;
    readonly requires?: string;
  } | null;
  readonly on_repeat: string;
  readonly on_mismatch: string;
  readonly caches_errors: string;
  readonly lookup: { readonly how: string; readonly lag: string | number } | null;
  readonly concurrent: string;
  readonly source: string;
  readonly checked: string;
  readonly notes?: string;
  readonly instead?: string;
  readonly used_by: readonly string[];
}
