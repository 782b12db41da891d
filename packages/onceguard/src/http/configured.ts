import type { ChecklistSetup } from "../core/checklist.ts";
import type { FinalityPolicy } from "../core/finality.ts";
import type { PolicyRule } from "../core/policy.ts";

/** What whoever made the guard knows of its configuration, for people to read: the policies and the checklist. */
export interface Configured extends ChecklistSetup {
  readonly rules: readonly PolicyRule[];
  /** Whether code is asked besides the rules. */
  readonly hasPolicy: boolean;
  readonly policyVersion: string;
  readonly finality: FinalityPolicy;
}
