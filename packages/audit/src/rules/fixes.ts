import type { Boundary } from "../boundaries/boundary.ts";

/** What to do, first with what the provider offers, then with Onceguard. */
export function fixesFor(boundary: Boundary): string[] {
  const { sink } = boundary;
  const fixes: string[] = [];
  const own = sink.fix ?? (sink.key.place === "none" ? null : providerKey(boundary));
  if (own) fixes.push(own);
  else if (boundary.natural) fixes.push("the operation comes out the same when repeated; keep it that way");
  const probe = sink.probe ? `, with the probe ${sink.probe}` : "";
  fixes.push(`run it through Onceguard: an action with keyFields from the record${probe}`);
  return fixes;
}

function providerKey(boundary: Boundary): string {
  const { key, id } = boundary.sink;
  const name = key.names[0] ?? "idempotencyKey";
  const where = key.where ? ` (${key.where})` : "";
  const kept = key.retention ? `; kept ${key.retention}` : "";
  return `pass ${name} to ${id}${where}, made from the record and the action${kept}`;
}
