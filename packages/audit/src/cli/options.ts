import { parseArgs } from "node:util";
import { InputError } from "../input-error.ts";
import { PATH_CLASSES, type PathClass } from "../project/path-class.ts";
import { RULES } from "../rules/rule-catalogue.ts";
import { SEVERITIES, type Severity } from "../rules/severity.ts";

export interface CliOptions {
  path: string;
  json: boolean;
  sarif: string | null;
  markdown: string | null;
  html: string | null;
  failOn: Severity | null;
  baseline: string | null;
  writeBaseline: string | null;
  diff: string | null;
  fix: boolean;
  emitActions: string | null;
  only: string[];
  rules: ReadonlySet<string> | null;
  include: PathClass[];
  localState: boolean;
  all: boolean;
  config: string | null;
  cache: string | null;
  noCache: boolean;
  help: boolean;
  version: boolean;
}

const FLAGS = {
  json: { type: "boolean" },
  sarif: { type: "string" },
  markdown: { type: "string" },
  html: { type: "string" },
  "fail-on": { type: "string" },
  baseline: { type: "string" },
  "write-baseline": { type: "string" },
  diff: { type: "string" },
  fix: { type: "boolean" },
  "emit-actions": { type: "string" },
  only: { type: "string", multiple: true },
  rule: { type: "string", multiple: true },
  include: { type: "string", multiple: true },
  "local-state": { type: "boolean" },
  all: { type: "boolean" },
  config: { type: "string" },
  cache: { type: "string" },
  "no-cache": { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

export function parseOptions(argv: readonly string[]): CliOptions {
  const { values, positionals } = parse(argv);
  if (positionals.length > 1) throw new InputError(`one folder at a time: ${positionals.join(" ")}`);
  const list = (given: readonly string[] | undefined) =>
    (given ?? []).flatMap((one) => one.split(",")).filter((one) => one !== "");
  const rules = list(values.rule).map((one) =>
    oneOf(
      one.toUpperCase(),
      RULES.map((rule) => rule.id),
      "--rule",
    ),
  );
  const output = [values.json ? "--json" : null, values.fix ? "--fix" : null].filter((one) => one !== null);
  if (values.only && !values.fix && values["emit-actions"] === undefined)
    throw new InputError("--only chooses for --emit-actions or --fix: add one of them");
  if (output.length > 1) throw new InputError(`${output.join(" and ")} both print to the terminal: take one of them`);
  return {
    path: positionals[0] ?? ".",
    json: values.json ?? false,
    sarif: values.sarif ?? null,
    markdown: values.markdown ?? null,
    html: values.html ?? null,
    failOn: values["fail-on"] === undefined ? null : oneOf(values["fail-on"], SEVERITIES, "--fail-on"),
    baseline: values.baseline ?? null,
    writeBaseline: values["write-baseline"] ?? null,
    diff: values.diff ?? null,
    fix: values.fix ?? false,
    emitActions: values["emit-actions"] ?? null,
    only: list(values.only),
    rules: rules.length > 0 ? new Set(rules) : null,
    include: list(values.include).map((one) => oneOf(one, PATH_CLASSES, "--include")),
    localState: values["local-state"] ?? false,
    all: values.all ?? false,
    config: values.config ?? null,
    cache: values.cache ?? null,
    noCache: values["no-cache"] ?? false,
    help: values.help ?? false,
    version: values.version ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true, strict: true });
  } catch (error) {
    throw new InputError(
      error instanceof Error
        ? (error.message.split("\n")[0] ?? error.message).replace(/\. To specify.*$/, "")
        : String(error),
    );
  }
}

function oneOf<T extends string>(value: string, allowed: readonly T[], flag: string): T {
  if (!allowed.includes(value as T))
    throw new InputError(`${flag} has to be one of ${allowed.join(", ")}, not ${JSON.stringify(value)}`);
  return value as T;
}
