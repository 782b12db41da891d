import { externalAction } from "../core/external-action.ts";
import type { JsonValue } from "../core/json.ts";
import type { Guard } from "../pipeline/guard.ts";

/** A row of SafeAgent's `execution_requests`, in SQLite and PostgreSQL alike. */
export interface SafeAgentRow {
  readonly request_id: string;
  readonly action: string;
  readonly status: "PENDING" | "COMMITTED";
  /** JSON text, or its value. */
  readonly result?: unknown;
  readonly agent_id?: string | null;
}

/** What an import of SafeAgent's table has found, in rows. */
export interface SafeAgentImport {
  /** COMMITTED rows: their ids replay the result. */
  readonly committed: number;
  /** PENDING rows: whether it happened is a question, and never a reason to do it again. */
  readonly inDoubt: number;
  /** Ids that were here already; nothing of theirs was changed. */
  readonly known: number;
}

/**
 * Takes SafeAgent's rows over. May be cut off, and run again.
 *
 * @throws OnceguardError `invalid_action` | `invalid_request_id` for a row that has no name we could take
 */
export async function importSafeAgent(
  guard: Pick<Guard, "external" | "receipt">,
  rows: Iterable<SafeAgentRow> | AsyncIterable<SafeAgentRow>,
  { tenant = "default" }: { readonly tenant?: string } = {},
): Promise<SafeAgentImport> {
  let [committed, inDoubt, known] = [0, 0, 0];
  for await (const row of rows) {
    const claims = guard.external([externalAction({ name: row.action, riskTier: "side_effecting" })]);
    const actor = row.agent_id ? { actor: row.agent_id } : {};
    // With a token of its own, so that a run that was cut off finds its claim again.
    const claim = await claims.claim(
      row.action,
      {},
      { requestId: row.request_id, tenant, ...actor, claimToken: "import" },
    );
    if (claim.status !== "claimed") {
      known += 1;
      continue;
    }
    const held = { fencingToken: claim.fencingToken, tenant };
    if (row.status === "COMMITTED") {
      await claims.complete(claim.requestId, { ...held, result: storedValue(row.result) });
      committed += 1;
    } else {
      const message = "Taken over from SafeAgent, where it was PENDING: it may have been done.";
      await claims.fail(claim.requestId, {
        ...held,
        failure: { certainty: "indefinite", code: "imported_pending", message },
      });
      inDoubt += 1;
    }
  }
  return { committed, inDoubt, known };
}

function storedValue(result: unknown): JsonValue {
  if (typeof result !== "string") return (result ?? null) as JsonValue;
  try {
    return JSON.parse(result) as JsonValue;
  } catch {
    return result;
  }
}
