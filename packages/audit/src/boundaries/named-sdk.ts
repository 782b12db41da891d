import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Sink } from "../catalogue/sinks.ts";
import type { CallFact, Expr } from "../facts/model.ts";
import type { Project } from "../project/project.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { extValue, type Value } from "../values/value.ts";
import { isInside } from "./unknown-write.ts";

/** What else people call the client of a package. */
const CALLED: Readonly<Record<string, readonly string[]>> = {
  nodemailer: ["transport", "transporter", "mailtransport", "mailtransporter", "smtptransport", "mailer"],
  telegram: ["bot", "ctx"],
  whatsapp: ["client", "sock", "wa"],
};
const SUFFIX = /(?<=.)_?(?:client|api|app|bot|instance|sdk|web|service)$/;
/** Shorter names, and those that are words, mean many things. */
const WORDS = new Set(["actions", "request", "courier", "circle", "plain", "team-plain", "default"]);

/**
 * `context.octokit.issues.createComment()`: an object of which only the name is known, called after an SDK that the
 * project depends on. Gives what the call means then, as a value of that package.
 */
export function namedSdk(
  evaluator: Evaluator,
  catalogue: Catalogue,
  call: CallFact,
  values: readonly Value[],
): Extract<Value, { k: "ext" }> | null {
  const { sdks, methods } = namesIn(evaluator.project, catalogue);
  if (sdks.size === 0 || call.callee.k !== "member" || !values.every((one) => isUnknown(catalogue, one))) return null;
  // `twitter.sendTweet()` may as well be the project's own.
  if (methods.has(call.callee.p)) return null;
  const names = namesOf(call.callee);
  for (let at = names.length - 2; at >= 0; at--) {
    const name = (names[at] ?? "").toLowerCase();
    const pkg = sdks.get(name) ?? sdks.get(name.replace(SUFFIX, ""));
    const path = ["default", "new", ...names.slice(at + 1)];
    if (pkg && catalogue.match(pkg, path)) return extValue(pkg, path);
  }
  return null;
}

/** A parameter that nobody fills, or something of a package that nobody has listed. */
function isUnknown(catalogue: Catalogue, value: Value): boolean {
  return value.k === "param" || (value.k === "ext" && catalogue.of(value.pkg).length === 0 && !isInside(value.pkg));
}

interface Names {
  /** What clients are called, and the package of each. */
  sdks: ReadonlyMap<string, string>;
  /** What the classes of the project have as methods. */
  methods: ReadonlySet<string>;
}
const NAMES: WeakMap<Project, Names> = new WeakMap();

function namesIn(project: Project, catalogue: Catalogue): Names {
  let names = NAMES.get(project);
  if (!names) {
    names = {
      sdks: sdksOf(project, catalogue),
      methods: new Set(
        [...project.files.values()].flatMap((file) => file.classes.flatMap((cls) => Object.keys(cls.methods))),
      ),
    };
    NAMES.set(project, names);
  }
  return names;
}

function sdksOf(project: Project, catalogue: Catalogue): Map<string, string> {
  const sdks = new Map<string, string>();
  for (const { sink } of catalogue.sinks) {
    if (sink.tier === "local-state") continue;
    const pkg = sink.packages.find((one) => project.packages.some((own) => own.dependencies.has(one)));
    for (const name of pkg ? clientNames(sink) : []) if (!sdks.has(name)) sdks.set(name, pkg as string);
  }
  return sdks;
}

/** `@octokit/rest` -> octokit; `mailgun.js` -> mailgun. */
function clientNames(sink: Sink): string[] {
  const brands = sink.packages
    .map((one) => one.replace(/^@([^/]+)\/.*$/, "$1").replace(/(?:[.-](?:js|node|api|sdk).*|hq|js)$/, ""))
    .map((one) => one.toLowerCase())
    .filter((one) => one.length > 4 && !WORDS.has(one));
  return [...brands, ...(CALLED[sink.id] ?? [])];
}

/** `a.b().c` -> a, b, (), c; an index stands for what it picks from. */
function namesOf(expr: Expr): string[] {
  if (expr.k === "member") return expr.p === "[]" ? namesOf(expr.o) : [...namesOf(expr.o), expr.p];
  if (expr.k === "call") return [...namesOf(expr.c.callee), "()"];
  if (expr.k === "ref") return [expr.b.name];
  return expr.k === "global" ? [expr.name] : [];
}
