import type { CallGraph } from "../calls/call-graph.ts";
import type { Contexts } from "../contexts/context.ts";
import { NONE } from "../facts/lists.ts";
import type { CallFact, Expr, FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import type { Value } from "../values/value.ts";

/** What has an agent that was made before do its work. */
const RUNS =
  /^(?:run|runAgent|invoke|stream|streamEvents|streamText|generate|generateText|generateLegacy|streamLegacy|batch|respond|execute|call|ask|chat|network|query|toolRunner)$/;

/** Agents and graphs may be handed about as parts of others. */
const MAX_DEPTH = 6;

interface Tool {
  readonly fn: FunctionFact;
  readonly label: string;
}

/**
 * Connects a tool with the host that was given it: `generateText({ tools })`, `new Agent({ tools })` and what runs that
 * agent. Whatever runs the host again has the model call the tool again.
 */
export function addToolEdges(evaluator: Evaluator, graph: CallGraph, contexts: Contexts): void {
  const tools = new ToolValues(evaluator, contexts);
  if (tools.isEmpty) return;
  const link = (call: CallFact, given: readonly Tool[]): void => {
    for (const { fn, label } of given)
      graph.add({ call, caller: call.fn, callee: fn, via: "process", offset: 0, label });
  };
  const hosts = new Map<CallFact, readonly Tool[]>();
  const calls = [...evaluator.project.files.values()].flatMap((file) => file.calls);
  for (const call of calls) {
    const given = tools.givenTo(call);
    if (given.length === 0) continue;
    hosts.set(call, given);
    link(call, given);
  }
  if (hosts.size === 0) return;
  for (const call of calls) {
    if (hosts.has(call) || !RUNS.test(nameOf(call.callee))) continue;
    for (const expr of [...(call.callee.k === "member" ? [call.callee.o] : []), ...call.args])
      for (const host of madeIn(evaluator, expr)) link(call, hosts.get(host) ?? []);
  }
}

class ToolValues {
  readonly #evaluator: Evaluator;
  readonly #byCall = new Map<CallFact, Tool>();
  readonly #byOptions = new Map<Expr, Tool>();

  constructor(evaluator: Evaluator, contexts: Contexts) {
    this.#evaluator = evaluator;
    for (const { family, fn, label, call, options } of contexts.all) {
      if (!family.startsWith("tool:") || fn === null) continue;
      const tool = { fn, label: label || `tool ${fn.name}`.trim() };
      if (call) this.#byCall.set(call, tool);
      if (options) this.#byOptions.set(options, tool);
    }
  }

  get isEmpty(): boolean {
    return this.#byCall.size === 0 && this.#byOptions.size === 0;
  }

  /** The tools in a call's `tools` option; of a `ToolNode` and of `bindTools`, in its arguments. */
  givenTo(call: CallFact): Tool[] {
    const name = nameOf(call.callee);
    const takesThem = name === "ToolNode" || name === "bindTools";
    const holders = takesThem ? call.args : call.args.filter(mayHold);
    if (holders.length === 0) return NONE;
    const found = new Set<Tool>();
    for (const arg of holders) {
      const holder = takesThem ? arg : findOption(this.#evaluator, arg, ["tools"])?.value;
      if (holder) this.#gather(this.#evaluator.of(holder), found, 0);
    }
    return [...found];
  }

  #gather(values: readonly Value[], found: Set<Tool>, depth: number): void {
    if (depth > MAX_DEPTH) return;
    for (const value of values) {
      const tool =
        value.k === "object"
          ? this.#byOptions.get(value.e)
          : value.k === "ext" && value.made && this.#byCall.get(value.made);
      if (tool) found.add(tool);
      else if (value.k === "array") this.#gather(value.e, found, depth + 1);
      else if (value.k === "object")
        for (const prop of value.e.props) this.#gather(this.#evaluator.of(prop.value), found, depth + 1);
    }
  }
}

/** An object that is written out, or a variable that holds one. */
function mayHold(arg: Expr): boolean {
  if (arg.k === "object") return arg.props.some(({ key }) => key === "tools" || key === "...");
  return arg.k === "ref" && arg.b.sources.some((source) => source.k === "object" && mayHold(source));
}

/** The calls that made what an expression stands for. */
function madeIn(evaluator: Evaluator, expr: Expr): CallFact[] {
  if (expr.k !== "ref" && expr.k !== "member" && expr.k !== "call") return [];
  return evaluator.of(expr).flatMap((value) => (value.k === "ext" && value.made ? [value.made] : []));
}

function nameOf(callee: Expr): string {
  if (callee.k === "member") return callee.p;
  return callee.k === "ref" ? callee.b.name : callee.k === "global" ? callee.name : "";
}
