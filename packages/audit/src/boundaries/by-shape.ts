import { isKnownPackage } from "../catalogue/known-packages.ts";
import type { CallFact, Expr } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { HOLE, textOf } from "../values/text.ts";
import type { Value } from "../values/value.ts";
import { isInside } from "./unknown-write.ts";
import { isAnswered } from "./write-verbs.ts";

const METHODS = new Set(["post", "put", "patch", "delete"]);
/** What people call an HTTP client. */
const CLIENT =
  /(?:^|[a-z_$])(?:http|https|axios|api|rest|request|fetcher|client)$|(?:Http|Https|Axios|Api|API|Rest|Request|Fetcher|Client)$/;
const ADDRESS = /url|uri|path|endpoint|href/i;

/** A write on an object of which only the name is known: `context.http.post("/orders", order)`. */
export interface ShapedWrite {
  method: string;
  url: string;
  body: Expr | null;
  options: Expr | null;
  made: CallFact | null;
}

/**
 * An HTTP client by its shape, where nothing says what it is: a method, an address, and somebody who waits for the answer.
 * A route has the same shape but for the function that it is given.
 */
export function shapedWrite(evaluator: Evaluator, call: CallFact, values: readonly Value[]): ShapedWrite | null {
  const { callee, args } = call;
  if (callee.k !== "member" || !METHODS.has(callee.p)) return null;
  const [first, second] = args;
  if (!first || (!second && callee.p !== "delete") || (call.floating && !call.next)) return null;
  if (!values.every(isUnknown)) return null;
  const made = values.flatMap((one) => (one.k === "ext" && one.made ? [one.made] : []))[0] ?? null;
  if (!made && !CLIENT.test(nameOf(callee.o))) return null;
  const url = textOf(evaluator, first);
  if (url === null || !isAddress(url, first)) return null;
  if (args.some((arg, index) => isHandler(evaluator, arg, index === args.length - 1))) return null;
  return { method: callee.p.toUpperCase(), url, body: second ?? null, options: args[2] ?? null, made };
}

const PARTS = ["body", "data", "json", "form", "headers"];

/**
 * `this.client(url, { method: "POST", body })`: whatever is called, it is asked for a request that writes. Routes are
 * written down in the same way, with what handles them.
 */
export function shapedRequest(evaluator: Evaluator, call: CallFact, values: readonly Value[]): ShapedWrite | null {
  if (!values.every(isUnknown) || (call.floating && !call.next)) return null;
  for (const options of call.args) {
    if (options.k !== "object") continue;
    const of = (name: string) => options.props.find((one) => one.key === name)?.value ?? null;
    const method = of("method");
    const verb = method?.k === "lit" ? String(method.v).toLowerCase() : "";
    if (!METHODS.has(verb) || !PARTS.some((one) => of(one))) continue;
    if (options.props.some((one) => one.value.k === "function" || /^(?:handler|schema|config)$/.test(one.key)))
      continue;
    const [first] = call.args;
    const address = first !== undefined && first !== options ? first : (of("url") ?? of("uri") ?? of("path"));
    if (!address) continue;
    const url = textOf(evaluator, address) ?? HOLE;
    return { method: verb.toUpperCase(), url, body: of("body") ?? of("data") ?? of("json"), options, made: null };
  }
  return null;
}

/** What people call the things of Discord that can be answered, and those that can be changed. */
const ANSWERED = /(?:interaction|message|msg|channel|thread|member|user)$/i;
const ASKED = /interaction$|^i$/i;
const THING = /(?:message|msg|channel|thread|member|webhook)$/i;
const CHANGES =
  /^(?:delete|edit|react|pin|unpin|crosspost|kick|ban|timeout|set(?:Name|Topic|Archived|Locked|Parent|RateLimitPerUser))$/;
/** `guild.channels.create()` */
const MANAGERS =
  /^(?:channels|threads|messages|roles|members|bans|emojis|invites|permissionOverwrites|scheduledEvents)$/;
const MANAGES = /^(?:create|delete|edit|add|remove|set|kick|ban|pin)$/;

/** `interaction.followUp({...})`, `channel.send({...})`, handed about without a type in a project that makes a bot. */
export function shapedAnswer(evaluator: Evaluator, call: CallFact, values: readonly Value[]): string | null {
  const { callee, args } = call;
  if (callee.k !== "member" || !values.every((one) => one.k === "param")) return null;
  if (!call.awaited && !call.next && call.floating) return null;
  const on = nameOf(callee.o);
  const answers = /^(?:send|reply|followUp|editReply)$/.test(callee.p) && args.length === 1 && ANSWERED.test(on);
  const asked = /^(?:reply|update|followUp|deleteReply|editReply)$/.test(callee.p) && ASKED.test(on);
  const changes = isAnswered(call) && CHANGES.test(callee.p) && THING.test(on);
  if (!answers && !asked && !changes && !(isAnswered(call) && isManaged(callee))) return null;
  return evaluator.project.packages.some((one) => one.dependencies.has("discord.js")) ? callee.p : null;
}

function isManaged({ o, p }: Extract<Expr, { k: "member" }>): boolean {
  if (o.k !== "member" || !MANAGERS.test(o.p) || !MANAGES.test(p)) return false;
  return /(?:guild|channel|thread|message|member)$/i.test(nameOf(o.o));
}

/** `queue.add("mail", data)`, in a project that has a queue of this shape. */
export function shapedEnqueue(evaluator: Evaluator, call: CallFact, values: readonly Value[]): boolean {
  const { callee, args } = call;
  if (callee.k !== "member" || !/^add(?:Bulk)?$/.test(callee.p)) return false;
  const name = nameOf(callee.o);
  if (
    !(/queue$/i.test(name) && args.length > (callee.p === "add" ? 1 : 0)) &&
    !(/flowProducer$/i.test(name) && args.length > 0)
  )
    return false;
  if (!values.every((one) => one.k === "param") || args.some((one) => one.k === "function")) return false;
  return evaluator.project.packages.some((one) => one.dependencies.has("bull") || one.dependencies.has("bullmq"));
}

/** `this.mqttClient.publish(topic, text)`, in a project that talks to such a broker. */
export function shapedPublish(evaluator: Evaluator, call: CallFact, values: readonly Value[]): boolean {
  const { callee, args } = call;
  if (callee.k !== "member" || callee.p !== "publish" || args.length < 2) return false;
  const broker = /^_?(mqtt|nats)(?:client|connection)?$/i.exec(nameOf(callee.o))?.[1]?.toLowerCase();
  if (!broker || !values.every((one) => one.k === "param")) return false;
  return evaluator.project.packages.some((one) =>
    [broker, `async-${broker}`].some((name) => one.dependencies.has(name)),
  );
}

function isUnknown(value: Value): boolean {
  if (value.k === "param") return true;
  // A client that was made is one; what a package has as names or hands to callbacks may be anything.
  return (
    value.k === "ext" &&
    value.made !== null &&
    !value.path.includes("cb") &&
    !isKnownPackage(value.pkg) &&
    !isInside(value.pkg)
  );
}

function isAddress(url: string, expr: Expr): boolean {
  if (url === HOLE) return ADDRESS.test(nameOf(expr));
  return /^(?:https?:\/\/|\{\}?\/|\/|\?[\w-]+=)|^(?:[\w.{}-]+\/)+[\w.{}?=&-]*$/.test(url) && !/\s/.test(url);
}

/** A function that is run for requests, and not one that is told how the request went. */
function isHandler(evaluator: Evaluator, arg: Expr, isLast: boolean): boolean {
  return evaluator
    .of(arg)
    .some((one) => one.k === "function" && !(isLast && /^_?e(?:rr(?:or)?)?$/i.test(one.f.params[0]?.name ?? "")));
}

function nameOf(expr: Expr): string {
  if (expr.k === "ref") return expr.b.name;
  if (expr.k === "member") return expr.p;
  if (expr.k === "global") return expr.name;
  return expr.k === "call" ? nameOf(expr.c.callee) : "";
}
