import type { Expr, FileFacts, FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Value } from "../values/value.ts";
import type { Contexts } from "./context.ts";

/** GraphQL mutations: a client asks for them again when no answer came. */
export function addResolvers(evaluator: Evaluator, contexts: Contexts, file: FileFacts): void {
  for (const { expr } of file.handlers)
    for (const { key, value } of expr.props) {
      // `{ Query: {...}, Mutation: { createOrder: async (parent, args) => ... } }`
      if (key === "Mutation")
        for (const table of evaluator.of(value)) if (table.k === "object") addTable(evaluator, contexts, table.e);
      // `{ type, args, resolve }` of graphql-js, where only the file says that it is about mutations.
      if (key === "resolve" && isField(expr) && isOfMutations(file)) addAll(contexts, evaluator.of(value), "");
    }
}

function addTable(evaluator: Evaluator, contexts: Contexts, table: Extract<Expr, { k: "object" }>): void {
  for (const { key, value } of table.props) {
    const values = evaluator.of(value);
    if (key === "...") {
      for (const one of values) if (one.k === "object") addTable(evaluator, contexts, one.e);
    } else {
      const resolvers = values.flatMap((one) => (one.k === "object" ? evaluator.memberOf(one, "resolve") : [one]));
      addAll(contexts, resolvers, key);
    }
  }
}

function addAll(contexts: Contexts, resolvers: readonly Value[], name: string): void {
  for (const one of resolvers) if (one.k === "function") add(contexts, one.f, name);
}

function add(contexts: Contexts, fn: FunctionFact, name: string): void {
  const label = `mutation ${name}`.trim();
  contexts.add({ family: "entry:http-route", fn, at: { fn, pos: fn.pos }, label });
}

function isField(expr: Extract<Expr, { k: "object" }>): boolean {
  return expr.props.some(({ key }) => key === "type");
}

function isOfMutations(file: FileFacts): boolean {
  return /mutation/i.test(file.path) && file.requests.some((one) => /^graphql(?:$|-)/.test(one));
}
