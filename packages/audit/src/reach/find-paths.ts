import type { CallGraph, Edge } from "../calls/call-graph.ts";
import type { Contexts, RetryContext } from "../contexts/context.ts";
import type { CallFact, ClassFact, FunctionFact, Region } from "../facts/model.ts";
import type { PathClass } from "../project/path-class.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { askedBy, type Chosen } from "./chosen-method.ts";

/** One step of the way from the effect back to what repeats it. */
export interface Step {
  call: CallFact;
  via: Edge["via"];
  label: string;
  /** How many functions of different files this call may mean; of these, one is taken. */
  alternatives: number;
}

/** The shortest way from one retry context to the effect. Steps go outwards: the first call is the effect itself. */
export interface RetryPath {
  context: RetryContext;
  steps: Step[];
}

const MAX_STATES = 4000;
const MAX_STEPS = 24;
const NOT_CALLERS: ReadonlySet<PathClass> = new Set(["test", "example", "generated"]);

/** A function is searched once, or once for each class that it runs for. */
class Seen {
  readonly #known: Map<FunctionFact, (ClassFact | null)[]> = new Map();

  /** False for what is known. */
  add({ fn, self }: State): boolean {
    const known = this.#known.get(fn) ?? [];
    if (known.includes(self) || known.includes(null)) return false;
    this.#known.set(fn, [...known, self]);
    return true;
  }
}

interface State {
  fn: FunctionFact;
  region: Region;
  steps: Step[];
  /** Inside a helper that runs a parameter: only the way of that parameter leads further out. */
  helper: boolean;
  /** What `this` is, if the way came out of an override: what calls the same method of its siblings is another way. */
  self: ClassFact | null;
  /** The function that the last call on the way calls; null for the effect itself. */
  from: FunctionFact | null;
  /** Who decides whether the request writes at all. */
  chosen: Chosen | null;
}

/** Searches backwards from a call: for every retry family the first, shortest way. */
export function findPaths(
  evaluator: Evaluator,
  graph: CallGraph,
  contexts: Contexts,
  from: CallFact,
  chosen: Chosen | null = null,
): Map<string, RetryPath> {
  const found = new Map<string, RetryPath>();
  const seen = new Seen();
  const seenHelpers = new Seen();
  const queue: State[] = [
    {
      fn: from.fn,
      region: from.region,
      steps: [{ call: from, via: "call", label: "", alternatives: 1 }],
      helper: false,
      self: null,
      from: null,
      chosen,
    },
  ];
  const meet = (context: RetryContext, steps: Step[]) => {
    if (!found.has(context.family)) found.set(context.family, { context, steps });
  };
  for (let at = 0; at < queue.length && at < MAX_STATES; at++) {
    const state = queue[at] as State;
    const unseen = failsUnseen(state);
    if (!unseen)
      for (let region: Region | null = state.region; region; region = region.parent)
        for (const context of contexts.ofRegion(region)) meet(context, state.steps);
    const known = state.helper ? seenHelpers : seen;
    if (state.steps.length > MAX_STEPS || !known.add(state)) continue;
    for (const context of entriesOf(contexts, state.fn))
      if (context.family.startsWith("loop:") ? !unseen : !state.helper) meet(context, state.steps);
    for (const context of contexts.replaysOf(state.fn, (state.steps.at(-1) as Step).call.pos))
      meet(context, state.steps);
    for (const next of outwards(evaluator, graph, contexts, state)) queue.push(next);
  }
  for (const { steps } of found.values())
    for (const step of steps.slice(1)) step.alternatives = alternatives(graph, step);
  return found;
}

/** A promise that nobody waits for fails where no loop and no catch sees it: nothing is tried again because of it. */
function failsUnseen({ steps, from }: State): boolean {
  const { call } = steps.at(-1) as Step;
  const asynchronous = from === null || from.async || from.returns.length > 0;
  return call.floating && !call.awaited && call.next === null && asynchronous;
}

/** A route that a provider or a queue calls is not entered by people: the more precise family stands for it. */
function entriesOf(contexts: Contexts, fn: FunctionFact): readonly RetryContext[] {
  const all = contexts.ofFunction(fn);
  if (all.length < 2) return all;
  const precise = all.some((one) => /^(?:webhook|queue|cron):/.test(one.family) && one.family !== "webhook:generic");
  const generic = all.some((one) => one.family === "webhook:generic");
  return all.filter((one) => {
    if (one.family === "entry:http-route") return !precise && !generic;
    return one.family !== "webhook:generic" || !precise;
  });
}

function outwards(evaluator: Evaluator, graph: CallGraph, contexts: Contexts, state: State): State[] {
  const next: State[] = [];
  const { fn, steps } = state;
  let climbed = false;
  for (const edge of graph.into(fn)) {
    if (edge.via === "callback" && contexts.registrations.has(edge.call)) {
      climbed = true;
      continue;
    }
    // A job that is enqueued twice is the business of the call that enqueues it.
    // A tool runs as a part of the host that was given it, as a route does of the request for it.
    // What a helper runs for its callers is not what any one address leads to.
    if (edge.via === "process" && (state.helper || !/^(?:route|tool) /.test(edge.label))) continue;
    if (NOT_CALLERS.has(evaluator.project.classes.get(edge.caller.file) ?? "production")) continue;
    const step: Step = { call: edge.call, via: edge.via, label: edge.label, alternatives: 1 };
    const throughParam = edge.via === "call" && (callsParam(edge.call) || isHandedIn(graph, edge));
    if (throughParam && triesOnlyRefused(graph, edge)) continue;
    if (state.helper && !throughParam && !edge.call.args.some((one) => isParam(one))) continue;
    climbed = true;
    const self = edge.via === "call" ? selfOf(evaluator, edge, state) : state.self;
    if (self === "another") continue;
    const chosen = state.chosen && askedBy(evaluator, state.chosen, edge);
    if (chosen === "reads") continue;
    next.push({
      fn: edge.caller,
      region: edge.call.region,
      steps: [...steps, step],
      helper: throughParam || state.helper,
      self,
      from: fn,
      chosen,
    });
  }
  // A closure that is stored or returned runs for whoever made it.
  if (!climbed && fn.parent && fn.parent.kind !== "module" && contexts.ofFunction(fn).length === 0 && !state.helper)
    next.push({ ...state, fn: fn.parent, region: fn.parent.region, helper: false });
  return next;
}

/** What `this` is in the caller of a method; "another", if the call is made on an object that the way cannot have come from. */
function selfOf(evaluator: Evaluator, edge: Edge, { fn, self }: State): ClassFact | null | "another" {
  const { callee } = edge.call;
  const own = self ?? fn.cls;
  if (own === null || callee.k !== "member") return null;
  const { o } = callee;
  const isOwn = o.k === "this" || o.k === "super";
  const { classes } = evaluator;
  const on = isOwn ? [o.cls] : evaluator.of(o).map((one) => (one.k === "instance" ? one.c : null));
  if (on.length === 0 || on.includes(null)) return null;
  const fitting = on.filter((one) => one !== null && (classes.isKindOf(own, one) || classes.isKindOf(one, own)));
  if (fitting.length === 0) return "another";
  if (!isOwn) return null;
  const [declared] = fitting as [ClassFact];
  return classes.isKindOf(own, declared) ? own : declared;
}

/** A method that several classes have; `handlers[name]()` is none of it, because there each of them is meant in turn. */
function alternatives(graph: CallGraph, { call, via }: Step): number {
  if (via !== "call" || (call.callee.k === "member" && call.callee.p === "[]")) return 1;
  const targets = graph.outOf(call).filter((one) => one.via === "call");
  return new Set(targets.map((one) => one.callee.file)).size;
}

/** `spec.execute()`: a function that was written into the options of some caller belongs to that caller, and to no other. */
function isHandedIn(graph: CallGraph, { call, callee }: Edge): boolean {
  const { callee: named } = call;
  return (
    named.k === "member" &&
    named.o.k === "ref" &&
    named.o.b.param !== null &&
    graph.into(callee).some((one) => one.via === "callback")
  );
}

/** `withRetry(() => send(), { retryOnStatus: [429] })`: what was refused has not happened. */
function triesOnlyRefused(graph: CallGraph, { callee }: Edge): boolean {
  const passed = graph.into(callee).filter((one) => one.via === "callback");
  return passed.length > 0 && passed.every(({ call }) => call.args.some(listsRefusals));
}

function listsRefusals(arg: CallFact["callee"]): boolean {
  return (
    arg.k === "object" &&
    arg.props.some(
      ({ key, value }) =>
        /retr|only|^on/i.test(key) &&
        /status|code/i.test(key) &&
        value.k === "array" &&
        value.e.length > 0 &&
        value.e.every((one) => one.k === "lit" && one.v === 429),
    )
  );
}

function callsParam(call: CallFact): boolean {
  return isParam(call.callee);
}

function isParam(expr: CallFact["callee"], depth = 0): boolean {
  // `node = node.next`: a variable may be made from itself.
  if (depth > MAX_STEPS) return false;
  if (expr.k === "ref")
    return expr.b.param !== null || expr.b.sources.some((one) => one.k === "member" && isParam(one.o, depth + 1));
  if (expr.k !== "member") return false;
  // `factories[name]()`: which one is up to whoever passed the table.
  if (expr.p === "[]" && isParam(expr.o, depth + 1)) return true;
  return expr.o.k === "ref" && expr.o.b.param !== null && expr.o.b.type === null;
}
