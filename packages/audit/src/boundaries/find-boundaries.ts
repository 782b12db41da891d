import type { CallGraph } from "../calls/call-graph.ts";
import { type Catalogue, isNatural, type SinkMatch } from "../catalogue/catalogue.ts";
import { naturalByName, tierOf } from "../catalogue/refine.ts";
import type { CallFact, Expr, FileFacts } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { HOLE, textOf } from "../values/text.ts";
import { textsOf } from "../values/texts.ts";
import type { Value } from "../values/value.ts";
import { apiClient } from "./api-client.ts";
import { awsCommand, awsMethod } from "./aws-command.ts";
import type { Boundary } from "./boundary.ts";
import { shapedAnswer, shapedEnqueue, shapedPublish, shapedRequest, shapedWrite } from "./by-shape.ts";
import { chainSend } from "./chain-send.ts";
import { providerOf, setsState } from "./http-provider.ts";
import {
  asksForToken,
  bodyOnlyAsks,
  exchangesToken,
  isMutation,
  isQuery,
  onlyAsks,
  requestOf,
} from "./http-request.ts";
import { namedSdk } from "./named-sdk.ts";
import { billsAtOnce, countsUp, setsAllowance, settlesOnce, toPhone } from "./provider-details.ts";
import { sdkBoundaryOf } from "./sdk-boundary.ts";
import { toolDispatch } from "./tool-dispatch.ts";
import { unlistedWrite } from "./unlisted-write.ts";

export interface BoundarySearch {
  evaluator: Evaluator;
  catalogue: Catalogue;
  graph: CallGraph;
}

/** Every call of a file that changes something outside, one boundary per call. */
export function findBoundaries(search: BoundarySearch, file: FileFacts): Boundary[] {
  const found: Boundary[] = [];
  for (const call of file.calls) {
    const boundary = boundaryOf(search, call);
    if (boundary) found.push(boundary);
  }
  return found;
}

const FETCH_PACKAGES = new Set([
  "node-fetch",
  "cross-fetch",
  "isomorphic-fetch",
  "undici",
  "node-fetch-native",
  "fetch-retry",
  "make-fetch-happen",
  "@whatwg-node/fetch",
]);
const GLOBAL_OBJECTS = new Set(["window", "globalThis", "self", "global"]);

function boundaryOf(search: BoundarySearch, call: CallFact): Boundary | null {
  const { evaluator } = search;
  if (call.isNew) return null;
  let dispatched = true;
  const values = evaluator.of(call.callee);
  for (const value of values) {
    if (value.k === "global") {
      const path = GLOBAL_OBJECTS.has(value.path[0] ?? "") ? value.path.slice(1) : value.path;
      if (path.length === 1 && path[0] === "fetch") return httpBoundary(search, call, "fetch", value.made ?? null);
      if (path.length === 1 && path[0] === "$fetch") return httpBoundary(search, call, "ofetch", value.made ?? null);
    }
    if (value.k === "ext") {
      const found = ofPackage(search, call, value);
      if (found) return found;
    }
    if (value.k === "function") dispatched = false;
  }
  const sent = awsCommand(evaluator, search.catalogue, call);
  if (sent || !dispatched) return sent;
  return (
    chainSend(evaluator, search.catalogue, call, values) ??
    apiClient(evaluator, search.catalogue, call) ??
    toolDispatch(search, call) ??
    byShape(search, call, values)
  );
}

/** Of a thing in Discord that has a name already. */
const SETS = /^(?:edit|delete|update|set|pin|unpin|remove)/;

/** What nothing but its shape tells. */
function byShape(search: BoundarySearch, call: CallFact, values: readonly Value[]): Boundary | null {
  const { evaluator, catalogue } = search;
  const written = shapedWrite(evaluator, call, values) ?? shapedRequest(evaluator, call, values);
  if (written) {
    if (onlyAsks(evaluator, written) || (written.body && bodyOnlyAsks(evaluator, written.body))) return null;
    return http(search, call, "http-client", written.method, written.url, written.made);
  }
  const named = namedSdk(evaluator, catalogue, call, values);
  const meant = named && ofPackage(search, call, named);
  if (meant) return meant;
  const sinkOf = (id: string) => catalogue.sinks.find((one) => one.sink.id === id)?.sink;
  const answer = shapedAnswer(evaluator, call, values);
  const discord = answer ? sinkOf("discord") : undefined;
  if (answer && discord) {
    const natural = SETS.test(answer) || settlesOnce(evaluator, discord.id, call, [answer]);
    return sdkBoundaryOf(discord, call, answer, { natural, made: null });
  }
  const broker = shapedPublish(evaluator, call, values) ? sinkOf("api-client") : undefined;
  if (broker) return sdkBoundaryOf(broker, call, "publish", { natural: false, made: null });
  const queue = shapedEnqueue(evaluator, call, values) ? sinkOf("bullmq") : undefined;
  return queue ? sdkBoundaryOf(queue, call, "add", { natural: false, made: null }) : null;
}

function ofPackage(search: BoundarySearch, call: CallFact, value: Extract<Value, { k: "ext" }>): Boundary | null {
  const last = value.path.at(-1) ?? "";
  if (
    FETCH_PACKAGES.has(value.pkg) &&
    (last === "default" || last === "fetch" || value.path.length === 0 || last === "()")
  )
    return httpBoundary(search, call, "fetch", value.made ?? null);
  const match = search.catalogue.match(value.pkg, value.path);
  if (!match)
    return awsMethod(search.evaluator, search.catalogue, call, value) ?? unlistedWrite(search.catalogue, call, value);
  const { condition } = match.pattern;
  if (condition?.kind === "method") return httpBoundary(search, call, match.compiled.sink.id, value.made ?? null);
  if (condition && !conditionHolds(search.evaluator, call, condition)) return null;
  if (condition?.kind === "command") return awsCommand(search.evaluator, search.catalogue, call);
  if (match.compiled.sink.kind === "http-write") return methodBoundary(search, call, match, value.made ?? null);
  if (match.operation === "rawRequest" && call.args[0] && /^get$/i.test(textOf(search.evaluator, call.args[0]) ?? ""))
    return null;
  if (match.operation === "request" && call.args[0] && onlyReads(search.evaluator, call.args[0])) return null;
  if (call.args.some((arg) => exchangesToken(search.evaluator, bodyIn(search.evaluator, arg)))) return null;
  return toPhone(search.evaluator, sdkBoundary(search, call, match, value.made ?? null));
}

/** `client.request({ method: "GET" })` */
function onlyReads(evaluator: Evaluator, options: Expr): boolean {
  const method = findOption(evaluator, options, ["method"]);
  return method !== null && /^(?:get|head)$/i.test(textOf(evaluator, method.value) ?? "");
}

/** `rest.post(path, { body })` */
function bodyIn(evaluator: Evaluator, arg: Expr): Expr {
  return findOption(evaluator, arg, ["body", "data"])?.value ?? arg;
}

function sdkBoundary(search: BoundarySearch, call: CallFact, match: SinkMatch, made: CallFact | null): Boundary {
  const { sink } = match.compiled;
  const natural =
    (isNatural(match.compiled, match.path, laterNames(call)) ||
      naturalByName(sink.id, match.operation) ||
      settlesOnce(search.evaluator, sink.id, call, match.path) ||
      (sink.kind === "chain-tx" && setsAllowance(search.evaluator, call))) &&
    !billsAtOnce(search.evaluator, sink.id, call, match.path) &&
    !(sink.tier === "local-state" && countsUp(call));
  return {
    call,
    sink,
    operation: match.operation,
    kind: sink.kind,
    tier: tierOf(sink.id, match.operation, sink.tier),
    natural,
    http: null,
    made,
    local: sink.tier === "local-state",
  };
}

/** `fetch(url, {method})`. */
function httpBoundary(search: BoundarySearch, call: CallFact, sinkId: string, made: CallFact | null): Boundary | null {
  const request = requestOf(search.evaluator, call);
  if (!request || onlyAsks(search.evaluator, request) || asksForToken(call.args[0])) return null;
  return http(search, call, sinkId, request.method, request.url, made);
}

/** `axios.post(url, body)`. */
function methodBoundary(
  search: BoundarySearch,
  call: CallFact,
  match: SinkMatch,
  made: CallFact | null,
): Boundary | null {
  const { evaluator } = search;
  const name = match.path.at(-1) ?? "";
  const method = name === "del" ? "DELETE" : name.toUpperCase();
  const [first, second] = call.args;
  if (!["POST", "PUT", "PATCH", "DELETE"].includes(method)) {
    // GraphQL clients and the like: the operation is in the document.
    const boundary = sdkBoundary(search, call, match, made);
    return boundary;
  }
  const url = (first && textOf(evaluator, first)) ?? HOLE;
  const request = { method, url, body: second ?? null, options: call.args[2] ?? null };
  if (onlyAsks(evaluator, request) || (second && bodyOnlyAsks(evaluator, second))) return null;
  return http(search, call, match.compiled.sink.id, method, url, made);
}

function http(
  search: BoundarySearch,
  call: CallFact,
  sinkId: string,
  method: string,
  url: string,
  made: CallFact | null,
): Boundary | null {
  const compiled = search.catalogue.sinks.find((one) => one.sink.id === sinkId);
  if (!compiled) return null;
  const { sink } = compiled;
  const provider = providerOf(url);
  return {
    call,
    sink,
    operation: method,
    kind: provider?.kind ?? sink.kind,
    tier: provider?.tier ?? sink.tier,
    natural: method === "PUT" || method === "DELETE" || setsState(url),
    http: { method, url },
    made,
    local: false,
  };
}

const WRITING_SQL = /^\s*(?:with\b[\s\S]*?\)\s*)?(?:insert|update|delete|merge|replace)\b/i;

type Condition = NonNullable<SinkMatch["pattern"]["condition"]>;

function conditionHolds(evaluator: Evaluator, call: CallFact, condition: Condition): boolean {
  const first = call.args[0];
  if (!first) return false;
  if (condition.kind === "command") return true;
  if (condition.kind === "sql") return textsOf(evaluator, first).some((one) => WRITING_SQL.test(one));
  if (condition.kind === "background")
    return evaluator
      .of(first)
      .some((one) => one.k === "object" && one.e.props.some((prop) => prop.key === "background"));
  const document = documentOf(evaluator, first);
  if (document === null) return false;
  return condition.kind === "mutation" ? isMutation(document) : isQuery(document);
}

/** A GraphQL document, also inside `gql` and `{mutation: ...}`. */
function documentOf(evaluator: Evaluator, expr: Expr, depth = 0): string | null {
  if (depth > 4) return null;
  if (expr.k === "call") {
    for (const arg of expr.c.args) {
      const inner = documentOf(evaluator, arg, depth + 1);
      if (inner) return inner;
    }
    return null;
  }
  if (expr.k === "ref") {
    const source = expr.b.sources[0];
    if (source) return documentOf(evaluator, source, depth + 1);
    return /mutation/i.test(expr.b.name) ? "mutation" : null;
  }
  if (expr.k === "object") {
    const inner = expr.props.find((one) => ["mutation", "document", "query", "data"].includes(one.key));
    return inner ? documentOf(evaluator, inner.value, depth + 1) : null;
  }
  const text = textOf(evaluator, expr);
  return text === HOLE ? null : text;
}

function laterNames(call: CallFact): string[] {
  const names: string[] = [];
  for (let next = call.next; next; next = next.next) if (next.callee.k === "member") names.push(next.callee.p);
  return names;
}
