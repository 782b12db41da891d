import { NONE } from "../facts/lists.ts";
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

/** Who calls whom, across files. */
export class CallGraph implements Callers {
  readonly #to: Map<FunctionFact, Edge[]> = new Map();
  /** Of these, the calls by name. */
  readonly #named: Map<FunctionFact, Edge[]> = new Map();
  readonly #from: Map<CallFact, Edge[]> = new Map();

  add(edge: Edge): void {
    const known = this.#from.get(edge.call);
    if (known?.some((one) => one.callee === edge.callee && one.via === edge.via)) return;
    put(this.#from, edge.call, edge);
    put(this.#to, edge.callee, edge);
    if (edge.via === "call") put(this.#named, edge.callee, edge);
  }

  /** Calls of a function by name, with what they pass. */
  of(fn: FunctionFact): readonly Edge[] {
    return this.#named.get(fn) ?? NONE;
  }

  /** The functions that another graph knows other callers of. */
  *differences(other: CallGraph): Generator<FunctionFact> {
    for (const fn of new Set([...this.#named.keys(), ...other.#named.keys()])) {
      const [own, others] = [this.of(fn), other.of(fn)];
      if (own.length !== others.length || own.some(({ call }, index) => call !== others[index]?.call)) yield fn;
    }
  }

  into(fn: FunctionFact): readonly Edge[] {
    return this.#to.get(fn) ?? NONE;
  }

  outOf(call: CallFact): readonly Edge[] {
    return this.#from.get(call) ?? NONE;
  }
}

/**
 * Builds the graph in rounds: the callee of a call may depend on what callers pass (a client, a callback), which depends
 * on the graph.
 */
export function buildCallGraph(evaluator: Evaluator, rounds = 2): CallGraph {
  let graph = new CallGraph();
  for (let round = 0; round < rounds; round++) {
    const before = graph;
    graph = new CallGraph();
    for (const file of evaluator.project.files.values())
      for (const call of file.calls) addTargets(evaluator, graph, call);
    evaluator.useCallers(graph, graph.differences(before));
  }
  return graph;
}

function put<K>(map: Map<K, Edge[]>, key: K, edge: Edge): void {
  const list = map.get(key);
  if (list) list.push(edge);
  else map.set(key, [edge]);
}

function addTargets(evaluator: Evaluator, graph: CallGraph, call: CallFact): void {
  const { callee } = call;
  const method = callee.k === "member" && (callee.p === "call" || callee.p === "apply") ? callee.o : null;
  // A method of the project may be called `call` as well.
  const applied = method && evaluator.of(method).some((one) => one.k === "function") ? method : null;
  let count = 0;
  for (const value of evaluator.of(applied ?? callee)) {
    const target: FunctionFact | undefined =
      value.k === "function" ? value.f : call.isNew && value.k === "class" ? constructorOf(value.c) : undefined;
    if (!target?.hasBody || ++count > MAX_TARGETS) continue;
    graph.add({ call, caller: call.fn, callee: target, via: "call", offset: applied ? 1 : 0, label: "" });
  }
  // A function written right at the call runs as part of it, unless the call only stores it.
  for (const arg of call.args)
    for (const fn of inlineFunctions(arg))
      graph.add({ call, caller: call.fn, callee: fn, via: "callback", offset: 0, label: "" });
}

function constructorOf(cls: ClassFact): FunctionFact | undefined {
  return Object.getOwnPropertyDescriptor(cls.methods, "constructor")?.value as FunctionFact | undefined;
}

function inlineFunctions(arg: Expr): FunctionFact[] {
  if (arg.k === "function") return [arg.f];
  // `admit({ name, execute: async () => ... })`
  if (arg.k === "object") return arg.props.flatMap(({ value }) => (value.k === "function" ? [value.f] : []));
  const named = arg.k === "ref" && arg.b.sources.length === 1 ? arg.b.sources[0] : undefined;
  return named?.k === "function" ? [named.f] : [];
}
