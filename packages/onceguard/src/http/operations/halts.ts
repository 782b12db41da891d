import type { HaltScope } from "../../core/halt.ts";
import { haltOnWire } from "../../wire/wire.ts";
import type { AnyOperation, Operation } from "../operation.ts";
import { jsonResponse } from "../outcome-response.ts";
import { answered, REASON, ref, taken } from "../schemas.ts";
import { byOf } from "./proposals.ts";

interface HaltBody {
  readonly reason: string;
}

const body = taken({ reason: REASON }, ["reason"]);
const answers = { 200: ref("Halt") };

/** Runs and actions by their id; the tenant is that of the key, and nobody else's. */
const SCOPES = [
  ["run", "/v1/runs/{id}"],
  ["action", "/v1/actions/{id}"],
  ["tenant", "/v1/tenant"],
] as const satisfies readonly (readonly [HaltScope, string])[];

const stopping = SCOPES.map(
  ([scope, path]): Operation<HaltBody> => ({
    name: `halt_${scope}`,
    method: "POST",
    path: `${path}/halt`,
    tag: "Halts",
    summary: `Stops ${scope === "tenant" ? "everything of this tenant" : `one ${scope}`}: nothing of it is claimed or sent any more, in any process.`,
    roles: ["operator"],
    body,
    answers,
    run: async (call) => {
      const id = scope === "tenant" ? call.principal.tenant : call.id;
      return jsonResponse(haltOnWire(await call.service.guard.halt(scope, id, byOf(call.principal, call.body))));
    },
  }),
);

const resuming = SCOPES.map(
  ([scope, path]): Operation<HaltBody> => ({
    name: `resume_${scope}`,
    method: "POST",
    path: `${path}/resume`,
    tag: "Halts",
    summary: `Ends the halt of ${scope === "tenant" ? "this tenant" : `one ${scope}`}.`,
    roles: ["operator"],
    body,
    answers,
    run: async (call) => {
      const id = scope === "tenant" ? call.principal.tenant : call.id;
      return jsonResponse(haltOnWire(await call.service.guard.resume(scope, id, byOf(call.principal, call.body))));
    },
  }),
);

const list: Operation = {
  name: "halts",
  method: "GET",
  path: "/v1/halts",
  tag: "Halts",
  summary: "What is halted, since when, by whom and why.",
  roles: ["reviewer", "operator", "auditor"],
  answers: { 200: answered({ halts: { type: "array", items: ref("Halt") } }, ["halts"]) },
  readOnly: true,
  run: async ({ principal, service }) => {
    const found = await service.guard.halts({ tenant: principal.tenant, inForce: true, limit: 500 });
    return jsonResponse({ halts: found.map(haltOnWire) });
  },
};

export const halting: readonly AnyOperation[] = [...stopping, ...resuming, list];
