import type { Boundary } from "../boundaries/boundary.ts";
import type { CallGraph } from "../calls/call-graph.ts";
import { ANY_QUEUE } from "../contexts/cloud-queues.ts";
import type { Contexts } from "../contexts/context.ts";
import { normalizeRoute } from "../contexts/routes.ts";
import type { FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { HOLE, textOf } from "../values/text.ts";
import { channelsOf } from "./channels.ts";

/** Connects processes: a URL with its route, a queue with its worker, a task with its run, an event with its function. */
export function addProcessEdges(
  evaluator: Evaluator,
  graph: CallGraph,
  contexts: Contexts,
  boundaries: Iterable<Boundary>,
): void {
  const routes = contexts.addresses.flatMap(({ address, fn }) =>
    address.kind === "route" ? [{ segments: normalizeRoute(address.path).split("/"), fn, path: address.path }] : [],
  );
  for (const boundary of boundaries) {
    const link = (callee: FunctionFact, label: string) =>
      graph.add({ call: boundary.call, caller: boundary.call.fn, callee, via: "process", offset: 0, label });
    for (const url of urlsOf(evaluator, boundary)) {
      const wanted = pathOf(url);
      if (wanted === null) continue;
      const best = bestRoutes(wanted, routes);
      for (const one of best) link(one.fn, `route ${one.path}`);
    }
    if (boundary.kind === "job-enqueue") linkJobs(evaluator, contexts, boundary, link);
  }
}

function urlsOf(evaluator: Evaluator, boundary: Boundary): string[] {
  if (boundary.http) return [boundary.http.url];
  const first = boundary.call.args[0];
  if (!first || (boundary.sink.id !== "qstash" && boundary.sink.id !== "upstash-workflow")) return [];
  const found = findOption(evaluator, first, ["url"]);
  const text = found ? textOf(evaluator, found.value) : null;
  return text ? [text] : [];
}

/** The path of a URL, if it may lead into this project: a known foreign host does not. */
function pathOf(url: string): string | null {
  const match = /^(?:https?:\/\/([^/]*))?(.*)$/.exec(url);
  if (!match) return null;
  const host = match[1] ?? "";
  const rest = (match[2] ?? "").replace(/^\{\}/, "");
  if (!rest.startsWith("/")) return null;
  const segments = normalizeRoute(rest);
  if (segments === "") return null;
  // A host that is written out is somebody else's, unless the path is as particular as one's own.
  const open = host === "" || host.includes("{}") || /^(?:localhost|127\.|\[::1\])/.test(host);
  return open || (segments.startsWith("api/") && segments.split("/").length >= 3) ? segments : null;
}

interface Route {
  segments: string[];
  fn: FunctionFact;
  path: string;
}

/** The routes with the same segments; those with fewer parameters win. */
function bestRoutes(wanted: string, routes: readonly Route[]): Route[] {
  const segments = wanted.split("/");
  const fitting = routes.filter(
    (one) =>
      one.segments.length === segments.length &&
      one.segments.every((part, index) => part === "*" || part === segments[index] || segments[index] === "*") &&
      one.segments.some((part, index) => part !== "*" && part === segments[index]),
  );
  const stars = (one: Route) => one.segments.filter((part) => part === "*").length;
  const least = Math.min(...fitting.map(stars));
  return fitting.filter((one) => stars(one) === least).slice(0, 6);
}

function linkJobs(
  evaluator: Evaluator,
  contexts: Contexts,
  boundary: Boundary,
  link: (callee: FunctionFact, label: string) => void,
): void {
  const { call, made } = boundary;
  const task = made ? contexts.tasks.get(made) : undefined;
  if (task) link(task, `task ${task.name}`);
  const names = new Set<string>();
  for (const arg of [call.args[0], made?.args[0]]) {
    if (!arg) continue;
    const text = arg.k === "object" ? null : textOf(evaluator, arg);
    if (text && text !== HOLE) names.add(text);
    const event = findOption(evaluator, arg, ["name", "id"]);
    const name = event ? textOf(evaluator, event.value) : null;
    if (name && name !== HOLE) names.add(name);
  }
  const channels = channelsOf(evaluator, call);
  for (const one of channels) names.add(one);
  const queues = new Set(contexts.addresses.flatMap(({ address }) => (address.kind === "queue" ? [address.name] : [])));
  for (const { address, fn } of contexts.addresses) {
    if (address.kind === "queue" && address.name === ANY_QUEUE) {
      if (boundary.sink.id === "sqs" && !channels.some((one) => queues.has(one))) link(fn, "queue (the only one)");
      continue;
    }
    const name =
      address.kind === "task" ? address.id : address.kind === "queue" || address.kind === "event" ? address.name : null;
    if (name !== null && names.has(name)) link(fn, `${address.kind} ${name}`);
  }
}
