import { append, NONE } from "../facts/lists.ts";
import type { CallFact, ClassFact, Expr, FunctionFact } from "../facts/model.ts";
import type { Callers, Evaluator } from "../values/evaluator.ts";

/** One way a function comes to run. */
export interface Edge {
  call: CallFact;
  caller: FunctionFact;
  callee: FunctionFact;
  /**
   * call: called by name. callback: passed to something that is not known to be a registration, and run by it.
   * process: reached over HTTP, a queue or a task id.
   */
  via: "call" | "callback" | "process";
  /** Arguments before those of the function: `fn.call(self, a)` has one. */
  offset: number;
  /** What connects two processes: the URL, the queue, the task. */
  label: string;
}

const MAX_TARGETS = 256;

/** The calls by name. */
class NamedCalls implements Callers {
  readonly #to: Map<FunctionFact, Edge[]> = new Map();

  add(edge: Edge): void {
    put(this.#to, edge.callee, edge);
  }

  of(fn: FunctionFact): readonly Edge[] {
    return this.#to.get(fn) ?? NONE;
  }

  /** The functions that another graph knows other callers of. */
  *differences(other: NamedCalls): Generator<FunctionFact> {
    for (const [fn, own] of this.#to) {
      const others = other.of(fn);
      if (own.length !== others.length || own.some(({ call }, index) => call !== others[index]?.call)) yield fn;
    }
    for (const fn of other.#to.keys()) if (!this.#to.has(fn)) yield fn;
  }
}

/** Who calls whom, across files. */
export class CallGraph {
  readonly named: NamedCalls = new NamedCalls();
  readonly #to: Map<FunctionFact, Edge[]> = new Map();
  readonly #from: Map<CallFact, Edge[]> = new Map();

  add(edge: Edge): void {
    const known = this.#from.get(edge.call);
    if (known?.some((one) => one.callee === edge.callee && one.via === edge.via)) return;
    put(this.#from, edge.call, edge);
    put(this.#to, edge.callee, edge);
    if (edge.via === "call") this.named.add(edge);
  }

  into(fn: FunctionFact): readonly Edge[] {
    return this.#to.get(fn) ?? NONE;
  }

  outOf(call: CallFact): readonly Edge[] {
    return this.#from.get(call) ?? NONE;
  }
}

/**
 * Builds the graph in two rounds: the callee of a call may depend on what callers pass (a client, a callback), which
 * depends on the graph. The first round is only about who calls what by name.
 */
export function buildCallGraph(evaluator: Evaluator): CallGraph {
  const files = [...evaluator.project.files.values()];
  const first = new NamedCalls();
  for (const { calls } of files)
    for (const call of calls) for (const edge of namedTargets(evaluator, call)) first.add(edge);
  evaluator.useCallers(first, first.differences(new NamedCalls()));
  const graph = new CallGraph();
  for (const { calls } of files)
    for (const call of calls) {
      for (const edge of namedTargets(evaluator, call)) graph.add(edge);
      addInline(graph, call);
    }
  evaluator.useCallers(graph.named, graph.named.differences(first));
  return graph;
}

function put<K>(map: Map<K, Edge[]>, key: K, edge: Edge): void {
  const list = map.get(key);
  if (list) list.push(edge);
  else map.set(key, [edge]);
}

function namedTargets(evaluator: Evaluator, call: CallFact): readonly Edge[] {
  const { callee } = call;
  const method = callee.k === "member" && (callee.p === "call" || callee.p === "apply") ? callee.o : null;
  // A method of the project may be called `call` as well.
  const applied = method && evaluator.of(method).some((one) => one.k === "function") ? method : null;
  let edges: Edge[] = NONE;
  for (const value of evaluator.of(applied ?? callee)) {
    const target: FunctionFact | undefined =
      value.k === "function" ? value.f : call.isNew && value.k === "class" ? constructorOf(value.c) : undefined;
    if (!target?.hasBody || edges.length === MAX_TARGETS) continue;
    edges = append(edges, { call, caller: call.fn, callee: target, via: "call", offset: applied ? 1 : 0, label: "" });
  }
  return edges;
}

/** A function written right at the call runs as part of it, unless the call only stores it. */
function addInline(graph: CallGraph, call: CallFact): void {
  for (const arg of call.args)
    for (const fn of inlineFunctions(arg))
      graph.add({ call, caller: call.fn, callee: fn, via: "callback", offset: 0, label: "" });
}

function constructorOf(cls: ClassFact): FunctionFact | undefined {
  return Object.getOwnPropertyDescriptor(cls.methods, "constructor")?.value as FunctionFact | undefined;
}

function inlineFunctions(arg: Expr): readonly FunctionFact[] {
  if (arg.k === "function") return [arg.f];
  // `admit({ name, execute: async () => ... })`
  if (arg.k === "object") return arg.props.flatMap(({ value }) => (value.k === "function" ? [value.f] : []));
  const named = arg.k === "ref" && arg.b.sources.length === 1 ? arg.b.sources[0] : undefined;
  return named?.k === "function" ? [named.f] : NONE;
}
