import type { Catalogue } from "../catalogue/catalogue.ts";
import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { textOf } from "../values/text.ts";
import type { Boundary } from "./boundary.ts";
import { CHAIN } from "./chain-send.ts";
import { onlyAsks } from "./http-request.ts";
import { sdkBoundaryOf } from "./sdk-boundary.ts";
import { type UnknownWrite, unknownWrites } from "./unknown-write.ts";
import { isAnswered, isOwn, MORE_WRITES, NATURAL_WRITES, namesEffect, onlyAsksFor, WRITES } from "./write-verbs.ts";

const SECRET = /api_?-?key|token|secret|credential|password|^auth$|private_?key|bearer/i;
const MODELS =
  /openai|anthropic|groq|cohere|mistral|together|replicate|huggingface|cerebras|genai|generative-ai|ollama|fireworks|deepseek|elevenlabs|langfuse|exa-js|tavily|firecrawl|deepgram|assemblyai|fal-ai|e2b|openrouter|portkey|helicone/i;

/** A package that is called after a service it talks to, of a cloud, or of a broker. */
const SERVICE =
  /^@?(?:[a-z]+-)?grpc(?:$|[-/])|^@connectrpc\/|^@(?:google-cloud|azure)\/|^(?:async-)?mqtt$|^@?nats|^\(stub\)|(?:^|[/@-])(?:sdk|apis?|client)(?:$|[-/])|(?:sdk|-api|-client)$/i;
const ANY = new RegExp(`${WRITES.source}|${MORE_WRITES.source}`);
/** A function that makes one; others of the same package make values. */
const MAKER = /^(?:default|\w*(?:create|make|build|init|new|connect|open|load|use|get)[A-Z]?\w*)$|client|api$|sdk$/i;
/** What gives a client, or the class of one. */
const HANDED_ON = /(?:Client|A[Pp][Ii]|S[Dd][Kk]|ClientConstructor|PackageDefinition)$|^(?:get|init|open)[A-Z]/;
/** Of a client that nobody has listed these are as often said of something here. */
const HERE_AS_WELL = /^(?:set|batch|bulk|like|mark|link|react)(?:[A-Z_]|$)/;
const CLIENT = /(?:Client|A[Pp][Ii]|S[Dd][Kk])$/;

/** A client that was made with a secret, or that is called one, talks to a service: its writes change something there. */
export function apiClient(evaluator: Evaluator, catalogue: Catalogue, call: CallFact): Boundary | null {
  const sink = catalogue.sinks.find((one) => one.sink.id === "api-client")?.sink;
  if (!sink) return null;
  const found = unknownWrites(evaluator, catalogue, call, ANY, isAnswered).find((one) =>
    isEffect(evaluator, call, one),
  );
  if (!found) return null;
  const natural = NATURAL_WRITES.test(found.path.at(-1) ?? "");
  return sdkBoundaryOf(sink, call, found.name, { natural, made: found.made });
}

function isEffect(evaluator: Evaluator, call: CallFact, found: UnknownWrite): boolean {
  const { name, path } = found;
  const verb = path.at(-1) ?? "";
  const made = path.findIndex((one) => one === "new" || one === "()");
  const operation = path.slice(made + 1).join(".");
  if (/(?:_s|S)tatus$|(?:_b|B)ook$|(?:_h|H)istory$/.test(verb) || MODELS.test(name) || onlyAsksFor(operation))
    return false;
  if (!(WRITES.test(verb) && isMadeWithSecret(found)) && !isCalledClient(evaluator, found, call)) return false;
  // `client.post("/accounts/1/search", {...})`: the path says what is asked.
  const first = call.args[0];
  const url = first && /^(?:post|put|patch|delete)$/.test(verb) ? textOf(evaluator, first) : null;
  return !url || !onlyAsks(evaluator, { method: "POST", url, body: null, options: null });
}

/** `new Acme({ apiKey })`, `createAcme(token)`; what a container resolves is something else. */
function isMadeWithSecret({ made, depth }: UnknownWrite): boolean {
  // What comes back from a call of the client is a result, and not the client.
  if (!made || depth > 1 || (!made.isNew && made.callee.k === "member")) return false;
  return made.args.some((one) => holdsSecret(one, 0));
}

/** `new Calls(connection).createCall()` of `@acme/sdk`, `client.workflow.start()` of a `WorkflowClient`. */
function isCalledClient(evaluator: Evaluator, { pkg, path, depth }: UnknownWrite, call: CallFact): boolean {
  const made = path.findIndex((one) => one === "new" || one === "()");
  const handedOn = path.filter(
    (one, index) =>
      one === "()" && HANDED_ON.test(path[index - 1] ?? "") && (index !== made || path.includes("new", index)),
  );
  if (isOwn(call)) return false;
  // `rpc.getBalance(account).send()`
  if (path.at(-1) === "send" && /^get[A-Z]/.test(path.at(-3) ?? "")) return false;
  if (HERE_AS_WELL.test(path.at(-1) ?? "") || depth - handedOn.length > 1) return false;
  // A library for a chain makes transactions, which somebody else may send. What the project calls so itself may be anything.
  const own = evaluator.project.packages.some((one) => one.name === pkg);
  const isService =
    (!own && CLIENT.test(path[made - 1] ?? "")) ||
    (SERVICE.test(pkg) && !CHAIN.test(pkg) && (path[made] === "new" || MAKER.test(path[made - 1] ?? "")));
  return isService && namesEffect(path) && (WRITES.test(path.at(-1) ?? "") || isHandedOn(call));
}

/** What is only stored is as often a value: `fee.add(tip)`. */
function isHandedOn(call: CallFact): boolean {
  return call.awaited || call.next !== null || call.fn.returns.some((one) => one.k === "call" && one.c === call);
}

function holdsSecret(expr: Expr, depth: number): boolean {
  if (depth > 3) return false;
  switch (expr.k) {
    case "object":
      return expr.props.some(
        (one) => (SECRET.test(one.key) && one.value.k !== "object") || holdsSecret(one.value, depth + 1),
      );
    case "ref":
      return SECRET.test(expr.b.name);
    case "member":
      return SECRET.test(expr.p);
    case "either":
      return expr.e.some((one) => holdsSecret(one, depth + 1));
    default:
      return false;
  }
}
