import type { FileFacts } from "../facts/model.ts";

/** What a file is for. Only production code is reported, unless asked. */
export type PathClass = "production" | "client" | "tooling" | "example" | "test" | "generated";

export const PATH_CLASSES: readonly PathClass[] = ["production", "client", "tooling", "example", "test", "generated"];

const TEST =
  /(?:^|\/)(?:__\w+__|(?:[\w.-]+-)?tests?(?:-[\w.-]+)?|specs?|e2e(?:-\w+)?|cypress|playwright|fixtures?|mocks?|testing|testcontainers|evals?)\/|[.\-_](?:\w*test|spec|e2e|stories|bench|cy|eval)\.[cm]?[jt]sx?$|(?:^|\/)tests?[-_][^/]*\.[cm]?[jt]sx?$/i;
const EXAMPLE =
  /(?:^|\/)(?:examples?|demos?|samples?|docs?|documentation|website|playground|sandbox|tutorials?|snippets|cookbook|templates?|starters?|quickstarts?|boilerplates?)\//i;
const TOOLING =
  /(?:^|\/)(?:scripts?|tools?\/(?:build|release|dev)|bin\/dev|migrations?|seeds?|\.github|build-?tools?|codemods?|generators?|benchmarks?|bench)\/|(?:^|\/)(?:seed|gulpfile|gruntfile)\.[cm]?[jt]s$|\.(?:config|setup|conf)\.[cm]?[jt]s$/i;
const GENERATED =
  /(?:^|\/)(?:generated|__generated__|gen|\.next)\/|\.(?:gen|generated|min|bundle|pb)\.[cm]?[jt]sx?$|_pb\.[jt]s$/i;
const HOOKS =
  /^use(?:State|Effect|Ref|Memo|Callback|Context|Reducer|Mutation|Query|SWR|Router|Form|Transition|LayoutEffect)/;

export function classifyPath(file: FileFacts): PathClass {
  if (file.generated) return "generated";
  return classOfName(file.path) ?? (isClient(file) ? "client" : "production");
}

/** What the path alone says; null if the content decides. */
export function classOfName(path: string): PathClass | null {
  if (GENERATED.test(path)) return "generated";
  if (TEST.test(path)) return "test";
  if (EXAMPLE.test(path)) return "example";
  return TOOLING.test(path) ? "tooling" : null;
}

/** Runs in a browser: declared so, or built on hooks. */
function isClient(file: FileFacts): boolean {
  if (file.directives.includes("use client")) return true;
  if (file.directives.includes("use server")) return false;
  let hooks = false;
  for (const binding of file.bindings) {
    const from = binding.imported;
    if (!from || from.typeOnly) continue;
    if (
      /^(?:react|preact|swr|@tanstack\/react-query|react-hook-form|next\/navigation|next\/router)/.test(from.from) &&
      HOOKS.test(from.name)
    )
      hooks = true;
  }
  return hooks;
}
