import type { CallGraph } from "../calls/call-graph.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { addByConvention } from "./by-convention.ts";
import { addDeclared } from "./by-declaration.ts";
import { addCdk } from "./cdk.ts";
import { addCloudQueues } from "./cloud-queues.ts";
import { Contexts } from "./context.ts";
import { addDeployed } from "./deployed.ts";
import { addRegistrations } from "./from-registrations.ts";
import { addLoops } from "./loops.ts";
import type { Registration } from "./registrations.ts";
import { addResolvers } from "./resolvers.ts";
import { addRoutes } from "./routes.ts";
import { addSignatureChecks } from "./signatures.ts";
import { spreadVerifiers } from "./verifiers.ts";

/** Everything in a project that may run code again. */
export function findContexts(evaluator: Evaluator, graph: CallGraph, added: readonly Registration[] = []): Contexts {
  const contexts = new Contexts();
  const { project } = evaluator;
  for (const file of project.files.values()) {
    addRegistrations(evaluator, contexts, file.calls, added);
    addLoops(contexts, file);
    addDeclared(evaluator, contexts, file);
    addResolvers(evaluator, contexts, file);
    addSignatureChecks(contexts, file);
  }
  addRoutes(evaluator, contexts, project);
  addCdk(evaluator, contexts);
  addDeployed(evaluator, contexts);
  addCloudQueues(evaluator, contexts);
  spreadVerifiers(contexts, graph);
  addByConvention(evaluator, graph, contexts);
  return contexts;
}
