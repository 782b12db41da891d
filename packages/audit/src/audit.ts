import { type Boundary, placeOf } from "./boundaries/boundary.ts";
import { findBoundaries } from "./boundaries/find-boundaries.ts";
import { buildCallGraph, type CallGraph } from "./calls/call-graph.ts";
import { Catalogue } from "./catalogue/catalogue.ts";
import type { Sink } from "./catalogue/sinks.ts";
import type { Contexts } from "./contexts/context.ts";
import { findContexts } from "./contexts/find-contexts.ts";
import { type UserRetry, userRegistrations } from "./contexts/user-registrations.ts";
import type { CallFact } from "./facts/model.ts";
import { GuardSearch } from "./guards/find-guards.ts";
import type { Guard } from "./guards/guard.ts";
import { guardedFunctions } from "./guards/guarded-functions.ts";
import { nameOfCall } from "./guards/lookups.ts";
import { type KeyState, keyStateOf } from "./keys/key-state.ts";
import type { PathClass } from "./project/path-class.ts";
import type { Project } from "./project/project.ts";
import { type Chosen, chosenMethod } from "./reach/chosen-method.ts";
import { findPaths, type RetryPath, type Step } from "./reach/find-paths.ts";
import { hiddenRetries } from "./reach/hidden-retries.ts";
import { addProcessEdges } from "./reach/process-edges.ts";
import { addToolEdges } from "./reach/tool-hosts.ts";
import { findWrapperSites, type WrapperSite } from "./reach/wrapper-sites.ts";
import { Evaluator } from "./values/evaluator.ts";

/** A boundary with everything that was found out about it. */
export interface AuditedBoundary {
  boundary: Boundary;
  pathClass: PathClass;
  paths: RetryPath[];
  hidden: string[];
  key: KeyState;
  /** The ways on which that key is given: of a key that one caller gives, only those over that caller. */
  keyPaths: RetryPath[];
  /** Of a key that callers may leave out: the ways over each of those who do. */
  omittedPaths: Map<CallFact, RetryPath[]>;
  /** By retry family: what stands in between on that way. */
  guards: Map<string, Guard[]>;
  /** In front of the call itself, whichever way it is reached. */
  ownGuards: Guard[];
}

export interface Analysis {
  project: Project;
  evaluator: Evaluator;
  graph: CallGraph;
  contexts: Contexts;
  catalogue: Catalogue;
  boundaries: AuditedBoundary[];
  sites: WrapperSite[];
}

export interface AnalyzeOptions {
  classes: ReadonlySet<PathClass>;
  sinks: readonly Sink[];
  retries?: readonly UserRetry[];
}

/** Of a wrapper that everybody calls without a key, this many callers are enough to see it. */
const MAX_OMISSIONS = 20;

/** Turns facts into boundaries, retry paths, keys and guards. */
export function analyze(project: Project, options: AnalyzeOptions): Analysis {
  const evaluator = new Evaluator(project);
  const graph = buildCallGraph(evaluator);
  const catalogue = new Catalogue(options.sinks);
  const found = [...project.files.values()].flatMap((file) => findBoundaries({ evaluator, catalogue, graph }, file));
  const contexts = findContexts(evaluator, graph, userRegistrations(options.retries ?? []));
  addProcessEdges(evaluator, graph, contexts, found);
  addToolEdges(evaluator, graph, contexts);
  const guards = new GuardSearch(evaluator, contexts, guardedFunctions(evaluator));
  const boundaries = found
    .map((boundary) => ({ boundary, pathClass: classOf(project, boundary) }))
    .filter((one) => options.classes.has(one.pathClass))
    .map(({ boundary, pathClass }): AuditedBoundary => {
      const pathsTo = (call: CallFact, chosen: Chosen | null = null) => [
        ...findPaths(evaluator, graph, contexts, call, chosen).values(),
      ];
      const paths = pathsTo(boundary.call, chosenMethod(evaluator, boundary));
      const key = keyStateOf(evaluator, graph, boundary, paths);
      return {
        boundary,
        pathClass,
        paths,
        hidden: hiddenRetries(evaluator, boundary),
        key,
        keyPaths: key.givenBy
          ? pathsTo(key.givenBy).map((path) => ({ ...path, steps: [effectOf(boundary), ...path.steps] }))
          : paths,
        omittedPaths: new Map(key.omittedBy.slice(0, MAX_OMISSIONS).map((one) => [one, pathsTo(one)])),
        guards: new Map(paths.map((one) => [one.context.family, guards.onPath(one)])),
        ownGuards: guards.at(boundary.call),
      };
    });
  boundaries.sort(byPlace);
  return {
    project,
    evaluator,
    graph,
    contexts,
    catalogue,
    boundaries,
    sites: findWrapperSites(
      project,
      graph,
      contexts,
      boundaries.map((one) => one.boundary),
    ),
  };
}

function effectOf({ call }: Boundary): Step {
  return { call, via: "call", label: "", alternatives: 1 };
}

/** A relative URL is only understood by a browser, and a hook is only used in one. */
function classOf(project: Project, { call, sink, http, made }: Boundary): PathClass {
  const own = project.classes.get(call.fn.file) ?? "production";
  const inBrowser =
    (sink.id === "fetch" && http?.url.startsWith("/")) ||
    (sink.id === "trpc" && call.fn.file.jsx) ||
    /^use[A-Z]/.test(nameOfCall(made));
  return own === "production" && inBrowser ? "client" : own;
}

function byPlace(a: AuditedBoundary, b: AuditedBoundary): number {
  const left = placeOf(a.boundary);
  const right = placeOf(b.boundary);
  return left.path === right.path
    ? left.line - right.line || left.column - right.column
    : left.path < right.path
      ? -1
      : 1;
}
