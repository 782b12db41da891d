import type { Catalogue } from "../catalogue/catalogue.ts";
import { tierOf } from "../catalogue/refine.ts";
import type { Sink } from "../catalogue/sinks.ts";
import type { CallFact } from "../facts/model.ts";
import type { Value } from "../values/value.ts";
import type { Boundary } from "./boundary.ts";
import { sdkBoundaryOf } from "./sdk-boundary.ts";
import { isAnswered, isOwn, MORE_WRITES, NATURAL_WRITES, namesEffect, onlyAsksFor, WRITES } from "./write-verbs.ts";

/** Kinds of which the packages do much in this process, or of which a write is told by something else than its name. */
const OTHERWISE = new Set([
  "http-write",
  "fs-write",
  "exec",
  "browser",
  "tool-dispatch",
  "job-enqueue",
  "db-write",
  "cache-write",
  "chain-tx",
]);
/** What cannot be taken back, whatever it is done to. */
const FINAL =
  /^(?:send|charge|refund|transfer|pay|capture|withdraw|buy|purchase|sell|trade|tweet|publish|reply|broadcast|notify)(?:[A-Z_]|$)|^post[A-Z]/;

/** A write of a known SDK that the catalogue does not list: `client.trunking.v1.trunks.create()`. */
export function unlistedWrite(
  catalogue: Catalogue,
  call: CallFact,
  { pkg, path, made }: Extract<Value, { k: "ext" }>,
): Boundary | null {
  const verb = path.at(-1) ?? "";
  const client = path.findIndex((one) => one === "new" || one === "()" || one === "cb");
  if (client === path.length - 1 || call.callee.k !== "member" || isOwn(call)) return null;
  if (!(WRITES.test(verb) || MORE_WRITES.test(verb)) || !namesEffect(path) || !isAnswered(call)) return null;
  const sink = sinkOf(catalogue, pkg);
  if (!sink || catalogue.reads(pkg, path)) return null;
  // Some packages are the client themselves: `mailchimp.lists.deleteListMember()`.
  if (client === -1 && (sink.client.length > 0 || !call.awaited || path.length < 2)) return null;
  const operation = path
    .slice(Math.max(client, path.lastIndexOf("cb")) + 1)
    .filter((one) => !["new", "()", "cb", "default"].includes(one))
    .join(".");
  if (onlyAsksFor(operation) || (sink.kind === "llm-job" && /^(?:post|put)$|messages\.create$/.test(operation)))
    return null;
  const tier = FINAL.test(verb) ? tierOf(sink.id, operation, sink.tier) : "side-effecting";
  return { ...sdkBoundaryOf(sink, call, operation, { natural: NATURAL_WRITES.test(verb), made }), tier };
}

/** What the operations of a package have in common; null where their names alone do not tell what they do. */
function sinkOf(catalogue: Catalogue, pkg: string): Sink | null {
  const sinks = catalogue.of(pkg).map((one) => one.sink);
  if (pkg.startsWith("@aws-sdk/") || sinks.some((one) => OTHERWISE.has(one.kind))) return null;
  return sinks.find((one) => one.tier === "side-effecting") ?? sinks[0] ?? null;
}
