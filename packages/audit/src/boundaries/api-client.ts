import type { Catalogue } from "../catalogue/catalogue.ts";
import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { textOf } from "../values/text.ts";
import type { Boundary } from "./boundary.ts";
import { onlyAsks } from "./http-request.ts";
import { sdkBoundaryOf } from "./sdk-boundary.ts";
import { unknownWrite } from "./unknown-write.ts";

const SECRET = /api_?-?key|token|secret|credential|password|^auth$|private_?key|bearer/i;
/** What a model says, what a search finds and what only makes an address is no effect. */
const ASKS =
  /chat|completion|messages?\.create$|embedding|moderation|generat|rerank|search|quer|scrape|crawl|session|token|signed|presign|authoriz|portal|checkout\.?link|link\.?token|estimate|quote|preview|validat/i;
const MODELS =
  /openai|anthropic|groq|cohere|mistral|together|replicate|huggingface|cerebras|genai|generative-ai|ollama|fireworks|deepseek|elevenlabs|langfuse|exa-js|tavily|firecrawl|deepgram|assemblyai|fal-ai|e2b|openrouter|portkey|helicone/i;

/** Of a client that talks to a service these are writes as well. */
const WRITES =
  /^(?:create|send|charge|refund|transfer|publish|post|submit|cancel|delete|remove|dispatch|issue|mint|withdraw|deposit|purchase|buy|sell|book|order|pay|invite|notify|enqueue|put|upload|update|upsert|register|trigger|start|stop|approve|capture|void|confirm|reply|forward|schedule|import|assign|append|archive|enroll|activate|deactivate|tweet|place|trade)(?:[A-Z_]|$)|^(?:new|add|modify|replace)_?(?:Order|Member|Contact|Payment)/;
const NATURAL = /^(?:delete|remove|cancel|put|update|upsert|stop|void|archive|activate|deactivate)(?:[A-Z_]|$)/;

/** A client that was made with a secret talks to a service: its writes change something there. */
export function apiClient(evaluator: Evaluator, catalogue: Catalogue, call: CallFact): Boundary | null {
  const found = unknownWrite(evaluator, catalogue, call, WRITES);
  if (/(?:_s|S)tatus$|(?:_b|B)ook$|(?:_h|H)istory$/.test(found?.name ?? "")) return null;
  if (!found?.made || MODELS.test(found.name) || ASKS.test(found.name)) return null;
  // `new Acme({ apiKey })`, `createAcme(token)`; what a container resolves is something else.
  // What comes back from a call of the client is a result, and not the client.
  if (found.depth > 1) return null;
  if (!found.made.isNew && found.made.callee.k === "member") return null;
  if (!found.made.args.some((one) => holdsSecret(one, 0))) return null;
  // `client.post("/accounts/1/search", {...})`: the path says what is asked.
  const first = call.args[0];
  const url = first && /[. ](?:post|put|patch|delete)$/.test(found.name) ? textOf(evaluator, first) : null;
  if (url && onlyAsks(evaluator, { method: "POST", url, body: null, options: null })) return null;
  const sink = catalogue.sinks.find((one) => one.sink.id === "api-client")?.sink;
  if (!sink) return null;
  const last = found.name.split(/[. ]/).at(-1) ?? "";
  return sdkBoundaryOf(sink, call, found.name, {
    natural: NATURAL.test(last),
    made: found.made,
  });
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
