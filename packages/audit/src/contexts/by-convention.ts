import type { CallGraph } from "../calls/call-graph.ts";
import type { ClassFact, Expr, FileFacts, FunctionFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Contexts } from "./context.ts";

/** Folders whose files a runner loads by their place, so that no code names them. */
const FOLDERS: readonly [RegExp, string][] = [
  [
    /(?:^|\/)(?:crons?|cron-?jobs?|scheduled(?:-?(?:jobs|tasks))?|schedules)\/[^/]+(?:\/index)?\.[cm]?[jt]s$/i,
    "cron:by-convention",
  ],
  [/(?:^|\/)(?:jobs|workers|consumers|queue-?processors)\/[^/]+(?:\/index)?\.[cm]?[jt]s$/i, "job:by-convention"],
  [/(?:^|\/)(?:subscribers|event-?(?:listeners|handlers))\/(?:[^/]+\/)?[^/]+\.[cm]?[jt]s$/i, "event:by-convention"],
];
const CRON = "cron:by-convention";
const ENTRY = /^(?:default|handler?|handle|run|main|execute|perform|process|job|task)$/;
/** What a base class of a project calls what it runs. */
const BASES: readonly [RegExp, string][] = [
  [/(?:Cron|Cron(?:Job|Task)|Scheduled(?:Job|Task))$/, CRON],
  [/(?:Job|Task|Worker|Processor|Consumer)$/, "job:by-convention"],
  [/(?:Subscriber|Listener)$/, "event:by-convention"],
];
const METHODS = ["perform", "handle", "handler", "process", "execute", "run"];

/**
 * Work that a runner of the project finds by its place or by its base class: nothing calls it by name, and something runs
 * it again. What is called from elsewhere is an ordinary function.
 */
export function addByConvention(evaluator: Evaluator, graph: CallGraph, contexts: Contexts): void {
  const add = (family: string, fn: FunctionFact, label: string) => {
    if (contexts.ofFunction(fn).length === 0 && !isCalled(graph, fn))
      contexts.add({ family, fn, at: { fn, pos: fn.pos }, label });
  };
  for (const [file, pathClass] of evaluator.project.classes) {
    if (pathClass !== "production" || file.jsx) continue;
    const family = FOLDERS.find(([folder]) => folder.test(file.path))?.[1];
    if (family) for (const fn of entriesOf(evaluator, file)) add(family, fn, nameOf(file));
    for (const cls of file.classes) {
      const kind = kindOf(cls);
      if (kind) for (const fn of methodsOf(cls)) add(kind, fn, cls.name);
    }
  }
}

/** The one function that a file is there for. */
function entriesOf(evaluator: Evaluator, file: FileFacts): FunctionFact[] {
  const names = new Set(file.exports.filter((one) => ENTRY.test(one.name)).map((one) => one.name));
  return [...names].flatMap((name) =>
    evaluator.exported(file, name).flatMap((one) => (one.k === "function" && one.f.file === file ? [one.f] : [])),
  );
}

function isCalled(graph: CallGraph, fn: FunctionFact): boolean {
  return graph.into(fn).some((one) => one.via === "call");
}

/** By the name of the base class, which is a class of the project. */
function kindOf({ superClass, abstract }: ClassFact): string | null {
  if (superClass === null || abstract) return null;
  const base = baseName(superClass);
  if (base === null || (base.from !== null && !isOwn(base.from))) return null;
  return BASES.find(([name]) => name.test(base.name))?.[1] ?? null;
}

function baseName(expr: Expr): { name: string; from: string | null } | null {
  if (expr.k !== "ref") return null;
  const { imported, name } = expr.b;
  return { name, from: imported?.from ?? null };
}

/** A file of the project, and no package that says by itself what it runs. */
function isOwn(from: string): boolean {
  return /^(?:\.|~|@\/|#|src\/|server\/|app\/)/.test(from);
}

function methodsOf({ methods, statics }: ClassFact): FunctionFact[] {
  return METHODS.flatMap((name) =>
    [methods, statics].flatMap((table) => {
      const fn = Object.getOwnPropertyDescriptor(table, name)?.value as FunctionFact | undefined;
      return fn?.hasBody ? [fn] : [];
    }),
  );
}

function nameOf({ path }: FileFacts): string {
  return (
    path
      .replace(/(?:\/index)?\.[cm]?[jt]s$/, "")
      .split("/")
      .at(-1) ?? path
  );
}
