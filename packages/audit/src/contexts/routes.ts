import type { Expr, FileFacts, FunctionFact } from "../facts/model.ts";
import type { Project } from "../project/project.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Contexts } from "./context.ts";
import { functionsOf } from "./from-registrations.ts";

const METHODS = new Set(["POST", "PUT", "PATCH", "DELETE", "GET", "ALL"]);

/** Files that a framework turns into routes by their path, and functions that it calls by their directive. */
export function addRoutes(evaluator: Evaluator, contexts: Contexts, project: Project): void {
  const crons = cronRoutes(project);
  for (const file of project.files.values()) {
    const route = routeOf(file.path);
    if (route !== null) addRouteFile(evaluator, contexts, file, route, crons);
    addServerActions(evaluator, contexts, file);
    addWorkerExports(evaluator, contexts, file);
  }
}

/** The routes that the schedules of vercel.json call: the one of that path, or else those with a parameter in its place. */
function cronRoutes(project: Project): ReadonlySet<string> {
  if (project.cronPaths.length === 0) return new Set();
  const routes = [...project.files.values()].flatMap((file) => {
    const route = routeOf(file.path);
    return route === null ? [] : [normalizeRoute(route)];
  });
  return new Set(
    project.cronPaths.map(normalizeRoute).flatMap((path) => {
      if (routes.includes(path)) return [path];
      const called = path.split("/");
      return routes.filter((route) => {
        const parts = route.split("/");
        return parts.length === called.length && parts.every((one, index) => one === "*" || one === called[index]);
      });
    }),
  );
}

/** The URL path of a route file of Next, Nuxt, SvelteKit or Remix; null for every other file. */
export function routeOf(path: string): string | null {
  const app = /(?:^|\/)app\/(.*?)\/?route\.[cm]?[jt]sx?$/.exec(path);
  if (app)
    return `/${(app[1] ?? "")
      .split("/")
      .filter((one) => !/^\(.*\)$|^@/.test(one))
      .join("/")}`;
  const pages = /(?:^|\/)pages\/(api\/.*?)(?:\/index)?\.[cm]?[jt]sx?$/.exec(path);
  if (pages) return `/${pages[1]}`;
  const svelte = /(?:^|\/)routes\/(.*?)\/?\+(?:server|page\.server)\.[jt]s$/.exec(path);
  if (svelte) return `/${svelte[1]}`;
  const nitro = /(?:^|\/)server\/(?:api|routes)\/(.*?)(?:\.(?:get|post|put|patch|delete))?\.[jt]s$/.exec(path);
  if (nitro) return `/api/${nitro[1]}`;
  const remix = /(?:^|\/)app\/routes\/(.*?)\.[jt]sx?$/.exec(path);
  if (remix) return `/${(remix[1] ?? "").replaceAll(".", "/")}`;
  return null;
}

function addRouteFile(
  evaluator: Evaluator,
  contexts: Contexts,
  file: FileFacts,
  route: string,
  crons: ReadonlySet<string>,
): void {
  const isCron = crons.has(normalizeRoute(route));
  for (const name of exportedNames(file)) {
    const method = METHODS.has(name)
      ? name
      : name === "default" || name === "action" || name === "actions" || name === "loader"
        ? ""
        : null;
    if (method === null) continue;
    for (const fn of entryFunctions(evaluator, file, name)) {
      const label = `${method || "route"} ${route}`;
      const at = { fn, pos: fn.pos };
      // Vercel calls with GET.
      if (isCron && (method === "GET" || method === "ALL" || name === "default" || name === "loader"))
        contexts.add({ family: "cron:vercel", fn, at, label: `cron ${route}` });
      contexts.add({
        family: "entry:http-route",
        fn,
        at,
        label,
        safeByProtocol: method === "GET" || name === "loader",
      });
      if (
        /(?:^|[/_-])(?:webhooks?|hooks|callback|ipn)(?:$|[/_-])/i.test(route) &&
        method !== "GET" &&
        !readsSession(file)
      )
        contexts.add({ family: "webhook:generic", fn, at, label });
      contexts.addresses.push({ address: { kind: "route", path: route }, fn });
    }
  }
}

/** A page of a person that has "webhooks" in its path manages webhooks; it does not receive them. */
function readsSession(file: FileFacts): boolean {
  return file.requests.some((one) => /next-auth|@clerk|auth\/session|lucia|better-auth|iron-session/.test(one));
}

function exportedNames(file: FileFacts): Set<string> {
  return new Set(file.exports.map((one) => one.name));
}

function entryFunctions(evaluator: Evaluator, file: FileFacts, name: string): FunctionFact[] {
  const found: FunctionFact[] = file.exports.flatMap((one) =>
    one.name === name && one.value ? wrappedFunctions(one.value) : [],
  );
  for (const value of evaluator.exported(file, name)) {
    if (value.k === "function") found.push(value.f);
    else if (value.k === "object")
      for (const one of evaluator.memberOf(value, "[]")) if (one.k === "function") found.push(one.f);
  }
  return found;
}

/** `export const POST = withAuth(withLog(async () => ...))`: the handler is what is wrapped. */
function wrappedFunctions(expr: Expr, depth = 0): FunctionFact[] {
  if (depth > 4) return [];
  if (expr.k === "ref" && !expr.b.imported && !expr.b.param)
    return expr.b.sources.flatMap((one) => wrappedFunctions(one, depth + 1));
  if (expr.k !== "call") return [];
  return expr.c.args.flatMap((one) => (one.k === "function" ? [one.f] : wrappedFunctions(one, depth + 1)));
}

/** `"use server"` on a file or in a function; `"use step"` of durable functions. */
function addServerActions(evaluator: Evaluator, contexts: Contexts, file: FileFacts): void {
  if (file.directives.includes("use server"))
    for (const name of exportedNames(file))
      for (const fn of entryFunctions(evaluator, file, name)) addAction(contexts, fn);
  const wholeFile = file.directives.includes("use step")
    ? "use step"
    : file.directives.includes("use workflow")
      ? "use workflow"
      : null;
  for (const fn of file.functions) {
    if (fn.directive === "use server") addAction(contexts, fn);
    if (fn.directive === "use step" || (wholeFile === "use step" && fn.parent?.kind === "module"))
      contexts.add({ family: "vercel:workflow", fn, at: { fn, pos: fn.pos }, label: `step ${fn.name}`, role: "step" });
    if (fn.directive === "use workflow")
      contexts.add({
        family: "vercel:workflow",
        fn,
        at: { fn, pos: fn.pos },
        label: `workflow ${fn.name}`,
        role: "function",
      });
  }
}

function addAction(contexts: Contexts, fn: FunctionFact): void {
  contexts.add({ family: "entry:http-route", fn, at: { fn, pos: fn.pos }, label: `server action ${fn.name}` });
}

/** `export default { fetch, queue, scheduled }` of workers; `exports.handler` of Lambda. */
function addWorkerExports(evaluator: Evaluator, contexts: Contexts, file: FileFacts): void {
  for (const value of file.exports.some((one) => one.name === "default") ? evaluator.exported(file, "default") : []) {
    if (value.k !== "object") continue;
    const members = [
      ["queue", "queue:cloudflare"],
      ["scheduled", "cron:cloudflare"],
      ["fetch", "entry:http-route"],
    ] as const;
    for (const [name, family] of members)
      for (const prop of value.e.props)
        if (prop.key === name)
          for (const fn of functionsOf(evaluator, prop.value))
            contexts.add({ family, fn, at: { fn, pos: fn.pos }, label: name });
  }
}

/** Routes compare without parameters: `/teams/[id]` and `/teams/{}` are the same. */
export function normalizeRoute(path: string): string {
  return path
    .replace(/[?#].*$/, "")
    .split("/")
    .filter((one) => one !== "")
    .map((one) => (/^[[:{*]|\{\}/.test(one) || one === "" ? "*" : one.toLowerCase()))
    .join("/");
}
