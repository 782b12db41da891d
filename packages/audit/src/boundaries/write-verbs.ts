import type { CallFact } from "../facts/model.ts";

/** Of a client that talks to a service these are writes. */
export const WRITES: RegExp =
  /^(?:create|send|charge|refund|transfer|publish|post|submit|cancel|delete|remove|dispatch|issue|mint|withdraw|deposit|purchase|buy|sell|book|order|pay|invite|notify|enqueue|put|upload|update|upsert|register|trigger|start|stop|approve|capture|void|confirm|reply|forward|schedule|import|assign|append|archive|enroll|activate|deactivate|tweet|place|trade)(?:[A-Z_]|$)|^(?:new|add|modify|replace)_?(?:Order|Member|Contact|Payment)/;

/** Verbs that mean a write as well where it is known that somebody talks to a service. */
export const MORE_WRITES: RegExp =
  /^(?:add|set|insert|modify|edit|pin|unpin|ban|unban|kick|leave|merge|patch|revoke|pause|resume|reset|complete|accept|reject|finalize|dismiss|enable|disable|suspend|attach|detach|link|unlink|mark|mute|restrict|promote|follow|unfollow|like|unlike|repost|retweet|bulk|batch|react|originate|hangup|answer|dial|play|record)(?:[A-Z_]|$)|^(?:replace(?!All$)|save)[A-Z_]/;

/** Makes something here, to make a request with, or says who did what. */
const MAKES =
  /^(?:create|set|add|put)\w*(?:Client|Builder|Stream|Reader|Server|Collector|Handler|Middleware|Context|Options|Adapter|Connection|Listener|Hash|Signature|Url|URL|Headers?|Cookies?|Interceptor|Factory|Iterator|Transport|Transporter|Logger|Timeout|Instance|Nodes|Credentials|Auth|EventSource)s?$|(?:ed|en)By$/;
/** `tradeFee()`, `withdrawHistory()`: what was a verb belongs to a noun. And a transaction that is waited for is sent already. */
const NOUN =
  /^(?:trade|deposit|withdraw|order|book|post|transfer|tweet|batch|like|link|play|record|charge|refund|invite|schedule|import|trigger|place|pay)\w*(?:Status|Book|History|Fees?|Address|Info|Limits?|Counts?|Details|List|Pct|Rates?)$|(?:_s|S)tatus$|(?:_b|B)ook$|(?:_h|H)istory$|^confirmTransaction|^setState$/;
/** Objects in the hand, what is kept of the service, and what is only made ready. */
const HERE =
  /^(?:cache|options|config|headers|builder|populateTransaction|callStatic|estimateGas|simulate|\w*Provider|\w*(?:Builder|Collection|Map|Set|Cache|Emitter|Factory))$/;

/** The second one finds things as the first has left them. */
export const NATURAL_WRITES: RegExp =
  /^(?:delete|remove|cancel|put|update|upsert|stop|void|archive|activate|deactivate)(?:[A-Z_]|$)/;

/** What a model says, what a search finds, what only makes an address and the steps of a login are no effect. */
const ASKS =
  /chat|completion|embedding|moderation|generat|rerank|search|quer|scrape|crawl|session|(?<!(?:add|remove|delete|register|revoke|set|update|upsert|push|device)\w*)token|signed|presign|authoriz|portal|checkout\.?link|link\.?token|estimate|quote|preview|validat|transcri|translat|speech|(?<!b)log_?(?:in|out)(?!g|d)|(?<!as)sign_?in(?!g|v)|consent|presence|typing|verification_?checks?|(?:^|\.)create\w*Flow$/i;

/** Only asks, or makes something that is of no use twice; what is there to be taken away was of use. */
export function onlyAsksFor(operation: string): boolean {
  return ASKS.test(operation) && !/(?:^|\.)(?:delete|remove|cancel|archive)[A-Z]?\w*$/.test(operation);
}

/** A client is started and stopped here; a resource of it is started over there. */
const OF_THE_CLIENT =
  /^(?:start|stop|register|import|append|assign|order|book|schedule|update|delete|remove|create|put|add|set|insert|merge|link)$/;

/** Does the verb say something about the service, and not about an object that stands for it here? */
export function namesEffect(path: readonly string[]): boolean {
  const verb = path.at(-1) ?? "";
  if (MAKES.test(verb) || NOUN.test(verb) || path.some((one) => HERE.test(one))) return false;
  const before = path.at(-2) ?? "";
  // `params.setFrom(a).setTo(b)`
  if (/^set[A-Z]/.test(verb) && before === "()" && /^(?:set|with|add)[A-Z]/.test(path.at(-3) ?? "")) return false;
  return !OF_THE_CLIENT.test(verb) || (before !== "new" && before !== "()" && before !== "");
}

/** `this.removeMetadata()`: what a class has from its parent is said of the object itself. */
export function isOwn({ callee }: CallFact): boolean {
  return callee.k === "member" && (callee.o.k === "this" || callee.o.k === "super");
}

/** Somebody waits for the answer: what nobody waits for is mostly no request. */
export function isAnswered(call: CallFact): boolean {
  const { next } = call;
  if (call.awaited || (!next && !call.floating)) return true;
  if (next) return next.callee.k === "member" && /^(?:then|catch|finally|asPromise|toPromise)$/.test(next.callee.p);
  // `client.charge(order, (error, charge) => ...)`
  const last = call.args.at(-1);
  return last?.k === "function" && /^_?e(?:rr(?:or)?)?$/i.test(last.f.params[0]?.name ?? "");
}
