import type { CallGraph } from "../calls/call-graph.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { addDeclared } from "./by-declaration.ts";
import { Contexts } from "./context.ts";
import { addRegistrations } from "./from-registrations.ts";
import { addLoops } from "./loops.ts";
import { addRoutes } from "./routes.ts";
import { addSignatureChecks } from "./signatures.ts";
import { spreadVerifiers } from "./verifiers.ts";

/** Everything in a project that may run code again. */
export function findContexts(evaluator: Evaluator, graph: CallGraph): Contexts {
  const contexts = new Contexts();
  const { project } = evaluator;
  for (const file of project.files.values()) {
    addRegistrations(evaluator, contexts, file.calls);
    addLoops(contexts, file);
    addDeclared(evaluator, contexts, file);
    addSignatureChecks(contexts, file);
  }
  addRoutes(evaluator, contexts, project);
  spreadVerifiers(contexts, graph);
  return contexts;
}
