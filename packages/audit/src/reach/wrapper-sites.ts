import type { Boundary } from "../boundaries/boundary.ts";
import type { CallGraph } from "../calls/call-graph.ts";
import type { Contexts } from "../contexts/context.ts";
import type { CallFact, FunctionFact } from "../facts/model.ts";
import type { Project } from "../project/project.ts";

/** A call of a function of the project, in another file, that makes the effect. */
export interface WrapperSite {
  call: CallFact;
  boundary: Boundary;
  /** How many functions stand between the call and the effect. */
  distance: number;
}

const MAX_DISTANCE = 6;

/** Finds the call sites of wrappers: from each effect outwards, while the functions only pass the effect on. */
export function findWrapperSites(
  project: Project,
  graph: CallGraph,
  contexts: Contexts,
  boundaries: readonly Boundary[],
): WrapperSite[] {
  const sites = new Map<CallFact, WrapperSite>();
  for (const boundary of boundaries) {
    if (boundary.local) continue;
    const seen = new Set<FunctionFact>();
    let layer = [boundary.call.fn];
    for (let distance = 1; distance <= MAX_DISTANCE && layer.length > 0; distance++) {
      const next: FunctionFact[] = [];
      for (const fn of layer) {
        if (seen.has(fn)) continue;
        seen.add(fn);
        // An entry is not a wrapper: what calls it is a framework.
        if (contexts.ofFunction(fn).some((one) => !one.family.startsWith("loop:"))) continue;
        for (const edge of graph.into(fn)) {
          if (edge.via === "process" || project.classes.get(edge.caller.file) === "test") continue;
          if (edge.via === "callback") {
            if (!contexts.registrations.has(edge.call)) next.push(edge.caller);
            continue;
          }
          if (!sites.has(edge.call) && !isDispatch(graph, edge.call))
            sites.set(edge.call, { call: edge.call, boundary, distance });
          next.push(edge.caller);
        }
      }
      layer = next;
    }
  }
  return [...sites.values()];
}

/** A call of whatever was passed in, or of one of many functions by name, is no call of a certain wrapper. */
function isDispatch(graph: CallGraph, call: CallFact): boolean {
  if (call.callee.k === "ref" && call.callee.b.param) return true;
  const names = new Set(graph.outOf(call).flatMap((one) => (one.via === "call" ? [one.callee.name] : [])));
  return names.size > 1;
}
