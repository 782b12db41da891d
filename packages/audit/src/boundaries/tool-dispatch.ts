import type { Catalogue } from "../catalogue/catalogue.ts";
import type { CallFact, Expr } from "../facts/model.ts";
import type { Boundary } from "./boundary.ts";

const AGENT_PACKAGE =
  /^(?:@?langchain|@langchain\/|ai$|@ai-sdk\/|@openai\/agents|openai$|@anthropic-ai\/sdk|@mastra\/|@modelcontextprotocol\/)/;
const TOOL_NAME =
  /^(?:tool|tool(?:ToCall|Impl|Instance|Fn|Node|Executor)|(?:selected|matched|target|found|chosen|this|current|matching|requested)Tool|executor|agentExecutor)$/;

/**
 * A host that calls a tool which a model named: which effect it is, only the run time knows. Only where no function of the
 * project can be meant.
 */
export function toolDispatch({ catalogue }: { catalogue: Catalogue }, call: CallFact): Boundary | null {
  const { callee } = call;
  if (callee.k !== "member" || !["invoke", "execute", "call", "_call"].includes(callee.p)) return null;
  if (!isTool(callee.o) || !usesAgents(call)) return null;
  const compiled = catalogue.sinks.find((one) => one.sink.id === "langchain-tool-invoke");
  if (!compiled) return null;
  const { sink } = compiled;
  return {
    call,
    sink,
    operation: `tool.${callee.p}`,
    kind: sink.kind,
    tier: sink.tier,
    natural: false,
    http: null,
    made: null,
    local: false,
  };
}

function isTool(expr: Expr): boolean {
  if (expr.k === "ref") return TOOL_NAME.test(expr.b.name);
  // `tools[name].execute()`
  return (
    expr.k === "member" &&
    expr.p === "[]" &&
    expr.o.k === "ref" &&
    /tools?(?:ByName|Map|Registry)?$/i.test(expr.o.b.name)
  );
}

function usesAgents(call: CallFact): boolean {
  return call.fn.file.requests.some((one) => AGENT_PACKAGE.test(one));
}
