import type { Receipt, State } from "../../core/receipt.ts";
import { haltOnWire, timeOnWire } from "../../wire/wire.ts";
import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import { answered } from "../schemas.ts";

/** Looked at for the list: a store keeps requests, and no table of runs. */
const NEWEST = 500;

const list: Operation = {
  name: "runs",
  method: "GET",
  path: "/v1/runs",
  tag: "Halts",
  summary: `The runs of the newest ${NEWEST} requests, and those that are halted.`,
  roles: ["reviewer", "operator", "auditor"],
  answers: {
    200: answered({ runs: { type: "array", items: { type: "object" } }, looked_at: { type: "integer" } }, [
      "runs",
      "looked_at",
    ]),
  },
  readOnly: true,
  run: async ({ principal: { tenant }, service: { guard } }) => {
    const [newest, inForce] = await Promise.all([
      guard.receipts({ tenant, limit: NEWEST }),
      guard.halts({ tenant, inForce: true, limit: NEWEST }),
    ]);
    const halts = new Map(inForce.filter(({ scope }) => scope === "run").map((halt) => [halt.id, halt]));
    const byRun = Map.groupBy(
      newest.filter(({ runId }) => runId !== null),
      ({ runId }) => runId as string,
    );
    const ids = new Set([...halts.keys(), ...byRun.keys()]);
    const runs = [...ids].map((id) => ({
      run_id: id,
      ...summary(byRun.get(id) ?? []),
      halt: haltOnWire(halts.get(id) ?? null),
    }));
    return jsonResponse({ runs, looked_at: newest.length });
  },
};

/** Of its requests among those that were looked at. */
function summary(receipts: readonly Receipt[]): Record<string, unknown> {
  const states: Partial<Record<State, number>> = {};
  for (const { state } of receipts) states[state] = (states[state] ?? 0) + 1;
  const last = Math.max(...receipts.map(({ updatedAt }) => updatedAt));
  return {
    requests: receipts.length,
    states,
    actors: [...new Set(receipts.flatMap(({ actor }) => actor ?? []))].slice(0, 5),
    actions: [...new Set(receipts.map(({ action }) => action))].slice(0, 5),
    last_at: receipts.length === 0 ? null : timeOnWire(last),
  };
}

export const runs: readonly AnyOperation[] = [list];
