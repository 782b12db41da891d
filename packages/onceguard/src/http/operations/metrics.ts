import type { State } from "../../core/receipt.ts";
import type { Gauge } from "../metrics.ts";
import type { AnyOperation, Operation, Service } from "../operation.ts";
import { TEXT } from "../schemas.ts";

/** Counted up to here: what matters is whether it is none, some or too many. */
const COUNTED = 1_000;
/** A scrape looks at the store; several within this time share one look. */
const FRESH_MS = 5_000;

const metrics: Operation = {
  name: "metrics",
  method: "GET",
  path: "/metrics",
  tag: "Process",
  summary: "This process's counts of this tenant's traffic, and what is open in the store; for Prometheus.",
  roles: ["operator", "auditor"],
  answers: { 200: TEXT },
  readOnly: true,
  run: async ({ principal: { tenant }, service }) =>
    new Response(service.metrics.text(tenant, await gauges(service, tenant)), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
    }),
};

const WATCHED: readonly State[] = ["held", "in_doubt", "review", "retry_wait", "running"];
const looks = new WeakMap<Service, Map<string, { at: number; gauges: Promise<readonly Gauge[]> }>>();

function gauges(service: Service, tenant: string): Promise<readonly Gauge[]> {
  const ofService = looks.get(service) ?? new Map<string, { at: number; gauges: Promise<readonly Gauge[]> }>();
  looks.set(service, ofService);
  const last = ofService.get(tenant);
  const now = performance.now();
  if (last && now - last.at < FRESH_MS) return last.gauges;
  const look = { at: now, gauges: read(service, tenant) };
  look.gauges.catch(() => ofService.delete(tenant));
  ofService.set(tenant, look);
  return look.gauges;
}

async function read({ guard }: Service, tenant: string): Promise<readonly Gauge[]> {
  const help = `Requests in this state, counted up to ${COUNTED}.`;
  const states = await Promise.all(
    WATCHED.map(async (state) => {
      const found = await guard.receipts({ tenant, states: [state], limit: COUNTED });
      return { name: "onceguard_requests_open", help, labels: { state }, value: found.length };
    }),
  );
  const halts = await guard.halts({ tenant, inForce: true, limit: COUNTED });
  return [...states, { name: "onceguard_halts", help: "Halts in force.", value: halts.length }];
}

export const measuring: readonly AnyOperation[] = [metrics];
