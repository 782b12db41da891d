import type { CallGraph } from "../calls/call-graph.ts";
import type { CallFact, Expr, FunctionFact } from "../facts/model.ts";
import type { Contexts } from "./context.ts";
import { outermost } from "./from-registrations.ts";

const MAX_HOPS = 1;

/**
 * A helper that verifies the signature of a sender makes receivers of those who call it, and of the handlers that are
 * passed to it.
 */
export function spreadVerifiers(contexts: Contexts, graph: CallGraph): void {
  const verifiers = contexts.all.filter(
    (one) =>
      one.fn !== null && /^(?:webhook|queue):/.test(one.family) && one.call !== null && outermost(one.at.fn) === one.fn,
  );
  for (const verifier of verifiers) {
    let layer = [verifier.fn as FunctionFact];
    for (let hop = 0; hop < MAX_HOPS && layer.length > 0; hop++) {
      const next: FunctionFact[] = [];
      for (const fn of layer) {
        // A route receives by itself; what calls it is no receiver.
        if (contexts.ofFunction(fn).some((one) => one.family === "entry:http-route")) continue;
        for (const edge of graph.into(fn)) {
          if (edge.via !== "call") continue;
          const handlers = passed(edge.call);
          const receivers = handlers.length > 0 ? handlers : [outermost(edge.caller)];
          for (const receiver of receivers) {
            if (receiver.kind === "module") continue;
            contexts.add({
              family: verifier.family,
              fn: receiver,
              at: { fn: edge.caller, pos: edge.call.pos },
              label: verifier.label,
              call: edge.call,
            });
            if (handlers.length === 0) next.push(receiver);
          }
        }
      }
      layer = next;
    }
  }
}

function passed(call: CallFact): FunctionFact[] {
  return call.args.flatMap(functionIn);
}

function functionIn(expr: Expr): FunctionFact[] {
  if (expr.k === "function") return [expr.f];
  const source = expr.k === "ref" && expr.b.sources.length === 1 ? expr.b.sources[0] : undefined;
  return source?.k === "function" ? [source.f] : [];
}
