import type { Analysis, AuditedBoundary } from "../audit.ts";
import { nameOf } from "../boundaries/boundary.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { RetryContext } from "../contexts/context.ts";
import type { CallFact } from "../facts/model.ts";
import { labelOf } from "../keys/label.ts";
import type { PathClass } from "../project/path-class.ts";
import { findPaths } from "../reach/find-paths.ts";
import type { Evaluator } from "../values/evaluator.ts";
import { findOption } from "../values/options.ts";
import { atCall, type Draft, describe } from "./finding.ts";
import { weightOf } from "./severity.ts";

/** DUP018: local writes that count twice. Inserts only on request, because a unique key cannot be seen from here. */
export function localRules(one: AuditedBoundary, inserts: boolean): Draft[] {
  const { boundary } = one;
  if (!boundary.local || boundary.natural) return [];
  const counts =
    /^(?:incr|decr|lpush|rpush|xadd|zincrby|increment|decrement)/.test(boundary.operation.split(".").at(-1) ?? "") ||
    /update|upsert/i.test(boundary.operation);
  if (!counts && !inserts) return [];
  const path = one.paths.find((candidate) => weightOf(candidate) >= 2);
  if (!path || labelOf(one) !== "no") return [];
  return [
    {
      rule: "DUP018",
      severity: counts ? "medium" : "low",
      at: atCall(boundary.call),
      path,
      one,
      subject: boundary.operation,
      message: `${nameOf(boundary)} ${counts ? "counts" : "adds a row"} again whenever ${describe(path)} repeats it`,
      missing: "a unique key, or the id of what is being counted",
      fixes: [
        "write what is counted as rows with a unique key, and insert them with ON CONFLICT DO NOTHING",
        "do it in the transaction of the Onceguard receipt",
      ],
    },
  ];
}

/** DUP020: what a tool promises to its host, against what it does. */
export function annotationRules(evaluator: Evaluator, boundaries: readonly AuditedBoundary[]): Draft[] {
  const drafts: Draft[] = [];
  const seen = new Set<string>();
  for (const one of boundaries) {
    if (one.boundary.local) continue;
    for (const path of one.paths) {
      const { context } = path;
      const found = context.family.startsWith("tool:") ? annotationsOf(evaluator, context) : null;
      if (!found) continue;
      const key = `${context.at.fn.file.path}:${context.at.pos}`;
      const readOnly = found.readOnly && one.boundary.kind !== "fs-write";
      const repeatable = found.idempotent && !one.boundary.natural && labelOf(one) === "no";
      if (seen.has(key) || (!readOnly && !repeatable)) continue;
      seen.add(key);
      const claim = readOnly ? "readOnlyHint: true" : "idempotentHint: true";
      drafts.push({
        rule: "DUP020",
        severity: one.boundary.tier === "irreversible" ? "high" : "medium",
        at: context.at,
        path,
        one,
        subject: `${context.label} ${claim}`,
        message: `${describe(path)} says ${claim}, and it makes ${nameOf(one.boundary)}${readOnly ? "" : " without a key"}`,
        missing: "an annotation that is true",
        fixes: [
          readOnly
            ? "take readOnlyHint away"
            : "take idempotentHint away, or make it true with a key from the arguments",
          "guard the tool with Onceguard: then idempotentHint: true is true",
        ],
      });
    }
  }
  return drafts;
}

function annotationsOf(evaluator: Evaluator, context: RetryContext): { readOnly: boolean; idempotent: boolean } | null {
  for (const holder of [context.options, ...(context.call?.args ?? [])]) {
    if (!holder || holder.k === "function") continue;
    const annotations = findOption(evaluator, holder, ["annotations"])?.value ?? holder;
    const isTrue = (name: string) => findOption(evaluator, annotations, [name])?.value;
    const readOnly = isTrue("readOnlyHint");
    const idempotent = isTrue("idempotentHint");
    if (readOnly || idempotent)
      return {
        readOnly: readOnly?.k === "lit" && readOnly.v === true,
        idempotent: idempotent?.k === "lit" && idempotent.v === true,
      };
  }
  return null;
}

const WRITES =
  /^(?:create|send|charge|refund|transfer|publish|post|submit|cancel|delete|remove|dispatch|issue|mint|withdraw|deposit|purchase|buy|sell|book|order|pay|invite|notify|enqueue)(?:[A-Z_]|$)/;
/** Packages whose verbs stay inside the process. */
const INSIDE =
  /^(?:react|vue|svelte|@angular|next|@remix-run|zod|yup|joi|valibot|lodash|ramda|immer|rxjs|express|fastify|hono|koa|@nestjs|class-|commander|yargs|chalk|winston|pino|@radix-ui|@mui|@headlessui|framer|three|d3|jest|vitest|mocha|@testing|graphql$|@graphql|type-graphql|@tanstack|jotai|zustand|redux|@reduxjs|i18n|date-fns|dayjs|moment|uuid|crypto|node:|fs|path|util|events|stream|http$|https$|net|os|url|ws$|socket\.io|@modelcontextprotocol|@langchain\/core|ai$|@ai-sdk|@aws-sdk\/(?:s3-request|credential)|viem\/|@trpc|@prisma|knex|kysely|drizzle|sequelize|typeorm|mongoose|ioredis|redis|pg$|mysql|better-sqlite3|@sentry|posthog|@opentelemetry|@vercel\/(?:og|analytics)|jsonwebtoken|jose|bcrypt|cookie|cors|helmet|multer|sharp|puppeteer|playwright|cheerio|pdf|exceljs|xlsx|archiver|jszip|marked|unified|remark|rehype|mdast|prosemirror|@tiptap|slate|lexical|monaco|codemirror|swr|formik|react-hook-form|next-auth|@auth|lucia|better-auth|bottleneck|p-|async|debug|dotenv|eventemitter|mitt|nanoevents|buffer|bs58|tweetnacl|@noble|@scure|ethereumjs|@solana\/spl|@metaplex|superstruct|borsh|bn\.js|big|decimal|@coral-xyz)/;

/** DUP090: something like a write, of a package that the catalogue does not know, on a path that repeats by itself. */
export function unknownClients(analysis: Analysis, classes: ReadonlySet<PathClass>): Draft[] {
  const { project, evaluator, graph, contexts, catalogue } = analysis;
  const drafts: Draft[] = [];
  for (const [file, pathClass] of project.classes) {
    if (!classes.has(pathClass)) continue;
    for (const call of file.calls) {
      const found = unknownWrite(evaluator, catalogue, call);
      if (!found) continue;
      const path = [...findPaths(project, graph, contexts, call).values()].find((one) => weightOf(one) >= 3);
      if (!path) continue;
      drafts.push({
        rule: "DUP090",
        severity: "low",
        at: atCall(call),
        path,
        one: null,
        subject: found,
        message: `${found} may change something, and ${describe(path)} repeats it`,
        missing: "to know what it does",
        fixes: [
          "add it to sinks in onceguard.audit.json, or say there that it only reads",
          "if it writes: run it through Onceguard",
        ],
      });
    }
  }
  return drafts;
}

function unknownWrite(evaluator: Evaluator, catalogue: Catalogue, call: CallFact): string | null {
  if (call.isNew || call.callee.k !== "member" || !WRITES.test(call.callee.p) || !call.awaited) return null;
  for (const value of evaluator.of(call.callee)) {
    if (value.k !== "ext" || catalogue.of(value.pkg).length > 0 || INSIDE.test(value.pkg)) continue;
    if (!value.path.includes("new") && !value.path.includes("()")) continue;
    if (value.path.includes("cb")) continue;
    return `${value.pkg} ${value.path.filter((one) => !["default", "new", "()"].includes(one)).join(".")}`;
  }
  return null;
}
