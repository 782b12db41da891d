import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { HOLE, textOf } from "../values/text.ts";
import { textsOf } from "../values/texts.ts";

export interface HttpRequest {
  method: string;
  url: string;
  body: Expr | null;
  options: Expr | null;
}

const WRITES = new Set(["POST", "PUT", "PATCH", "DELETE"]);
const METHOD = /^(?:GET|HEAD|OPTIONS|POST|PUT|PATCH|DELETE|QUERY)$/;

/** What `fetch(url, options)` or `axios(config)` sends; null for a read. */
export function requestOf(evaluator: Evaluator, call: CallFact): HttpRequest | null {
  const [first, second] = call.args;
  if (!first) return null;
  // `request("POST /repos/{owner}/{repo}/issues", {...})`
  const route = first.k === "object" ? null : /^([A-Z]+) (\/\S*)$/.exec(textOf(evaluator, first) ?? "");
  if (route)
    return WRITES.has(route[1] ?? "")
      ? { method: route[1] as string, url: route[2] as string, body: null, options: second ?? null }
      : null;
  // `https.request(options, (response) => ...)`
  const given = second && !holdsOptions(evaluator, first) && !isFunction(evaluator, second) ? second : undefined;
  const options = given ?? first;
  const made = first.k === "call" && first.c.isNew ? first.c : null;
  if (made && made.callee.k === "global" && made.callee.name === "Request") return requestOf(evaluator, made);
  const methods = methodsOf(evaluator, options);
  const method = methods.find((one) => WRITES.has(one));
  if (!method) return null;
  const urlExpr = given || first.k !== "object" ? first : findOption(evaluator, first, ["url", "uri"])?.value;
  const body = findOption(evaluator, options, ["body", "data", "json", "form"]);
  const url = (urlExpr && textOf(evaluator, urlExpr)) ?? HOLE;
  return { method, url: url === HOLE ? addressOf(evaluator, options) : url, body: body?.value ?? null, options };
}

function holdsOptions(evaluator: Evaluator, expr: Expr): boolean {
  return expr.k === "object" || evaluator.of(expr).some((one) => one.k === "object");
}

function isFunction(evaluator: Evaluator, expr: Expr): boolean {
  return expr.k === "function" || evaluator.of(expr).some((one) => one.k === "function");
}

/** `{ url }`, `{ hostname, path }`: the address among the options. */
function addressOf(evaluator: Evaluator, options: Expr): string {
  const text = (names: string[]) => {
    const found = findOption(evaluator, options, names);
    return found ? textOf(evaluator, found.value) : null;
  };
  const whole = text(["url", "uri"]);
  if (whole !== null) return whole;
  const host = text(["hostname", "host"]);
  return host === null ? HOLE : `https://${host}${text(["path", "pathname"]) ?? HOLE}`;
}

/** The methods an options object may ask for. Nothing said means GET; a method that cannot be known counts if there is a body. */
export function methodsOf(evaluator: Evaluator, options: Expr): string[] {
  const found = methodsIn(evaluator, options, 0);
  if (found.length === 0) return ["GET"];
  const known = found
    .flatMap((one) => textsOf(evaluator, one))
    .map((one) => one.toUpperCase())
    .filter((one) => METHOD.test(one));
  if (known.length > 0) return known;
  return findOption(evaluator, options, ["body", "data"]) ? ["POST"] : ["GET"];
}

const MAX_SPREADS = 4;

/** Each value that the method may have: of an object that callers give, every caller's. */
function methodsIn(evaluator: Evaluator, options: Expr, depth: number): Expr[] {
  if (depth > MAX_SPREADS) return [];
  if (options.k === "object")
    for (const prop of options.props.toReversed()) {
      if (prop.key === "method") return [prop.value];
      const spread = prop.key === "..." ? methodsIn(evaluator, prop.value, depth + 1) : [];
      if (spread.length > 0) return spread;
    }
  const objects = options.k === "object" ? [] : evaluator.of(options).filter((one) => one.k === "object");
  const found = objects.flatMap((one) => methodsIn(evaluator, one.e, depth + 1));
  const [first] = found.length > 0 ? [] : [findOption(evaluator, options, ["method"])];
  return first ? [first.value] : found;
}

/** Posts that only ask: tokens, searches, previews, model calls. Judged by the last words of the path. */
const ASKS =
  /(?:^|[/.:_-])(?:oauth2?\/(?:v\d+\/)?(?:token|metadata)|tokens?(?:_endpoint|\/bearer)?|device[-_/]?code|request[-_]params|autodiscover\.xml|sign_?jwt|swap\/v\d+\/swap|access_?token|refresh|introspect(?:ion)?|search|_search|_msearch|query|queries|look-?up|estimates?|estimate-?gas|quotes?|previews?(?:[_-]\w+)?|validate[-\w]*|verify[-\w]*|exchange[-\w]*|scrape|screenshot|render|extract|ai-?search|check|siteverify|verification\/check|simulate|simulation|calculate|qr-?code|embeddings?|completions?|generate_?content|rerank|moderations?|count_?tokens|autocomplete|suggest|batch-?get|mget|list(?:_\w+)?(?:\/continue)?|read|fetch|export_?query|graphql_?query|get[-_A-Z][\w-]*|rpc_?query|translate|detect|classify|analyze|geocode|price|prices|rates?|remove-?bg|(?:summar(?:y|ies)|descriptions?)\/generate)(?:\.json|\.php)?\/?(?:[?#].*)?$/i;
/** `/create-price`: the verb in front tells more than the noun behind it. A token for a token is still nothing. */
const SAYS_WRITE = /\/(?:create|update|delete|remove|add|cancel|send)[-_](?!\w*-?token)[\w-]*\/?(?:\?.*)?$/;
/** Methods of an RPC in the last part of the path: `users.profile.get`, `customers:listAccessible`, `oauth.v2.access`. */
const ASKING_RPC =
  /(?:[/.:])(?:[\w-]+[.:])*(?:get|list|search|query|find|describe|lookup|check|validate|verify|exists|count|info|history|auth\.test)(?:[A-Z][\w-]*)?(?:\?.*)?$|\/oauth\.(?:v2\.)?access(?:\?.*)?$/;
/** Steps of a login: what they make is of no use twice. */
const LOGIN =
  /\/(?:oauth2?|oidc|connect|auth)\/[\w/-]*?(?:authorize_device|device(?:_authorization|\/code)?|device_code|revoke|introspect|userinfo|token)(?:\?.*)?$|\/(?:log-?in|sign-?in|log-?out|sign-?out)(?:\?.*)?$/i;
const MODEL_CALL =
  /(?:anthropic|openai|mistral|groq|together|openrouter|perplexity|generativelanguage|cohere)[^/]*\/.*(?:messages|responses|chat|complete|generate)/i;

export function onlyAsks(evaluator: Evaluator, request: HttpRequest): boolean {
  if (request.method !== "POST") return false;
  const { url } = request;
  if ((ASKS.test(url) && !SAYS_WRITE.test(url)) || ASKING_RPC.test(url) || LOGIN.test(url) || MODEL_CALL.test(url))
    return true;
  return request.body !== null && bodyOnlyAsks(evaluator, request.body);
}

/** `fetch(tokenUrl, ...)`: an address that is known by its name only. */
export function asksForToken(address: Expr | undefined): boolean {
  const name = address?.k === "ref" ? address.b.name : address?.k === "member" ? address.p : "";
  return /token_?(?:request)?_?(?:url|uri|endpoint)$|^token$/i.test(name);
}

const READ_RPC = /^(?:eth_(?:call|get|block|chain|estimate|gas|fee)|net_|web3_|get[A-Z]|simulateTransaction)/;

/** A GraphQL query, a JSON-RPC read, or the exchange of a token. */
export function bodyOnlyAsks(evaluator: Evaluator, body: Expr): boolean {
  if (exchangesToken(evaluator, body) || asksModel(evaluator, body)) return true;
  const query = findOption(evaluator, body, ["query"]);
  const documents = query ? textsOf(evaluator, query.value).filter(isDocument) : [];
  if (documents.length > 0) return documents.every(isQuery);
  const rpc = findOption(evaluator, body, ["jsonrpc"]) ? findOption(evaluator, body, ["method"]) : null;
  const method = rpc ? textOf(evaluator, rpc.value) : null;
  return method !== null && READ_RPC.test(method);
}

/** `{ model, messages }`: what a model says. */
function asksModel(evaluator: Evaluator, body: Expr): boolean {
  return (
    findOption(evaluator, body, ["model"]) !== null &&
    findOption(evaluator, body, ["messages", "prompt", "max_tokens", "maxTokens", "contents"]) !== null
  );
}

/** `grant_type`: a token for a token. */
export function exchangesToken(evaluator: Evaluator, body: Expr): boolean {
  return (
    findOption(evaluator, body, ["grant_type"]) !== null || textOf(evaluator, body)?.includes("grant_type=") === true
  );
}

export function isQuery(document: string): boolean {
  const operations = document.match(/(?:^|[\s}])(?:mutation|subscription)\b/);
  return !operations && /^\s*(?:#.*\n\s*)*(?:query\b|\{|fragment\b)/.test(document);
}

/** A GraphQL document, and not just a text to search for. */
function isDocument(text: string): boolean {
  return isQuery(text) || isMutation(text);
}

export function isMutation(document: string): boolean {
  return /(?:^|[\s}])mutation\b/.test(document);
}
