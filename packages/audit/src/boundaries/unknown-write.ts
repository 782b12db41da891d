import type { Catalogue } from "../catalogue/catalogue.ts";
import type { CallFact } from "../facts/model.ts";
import type { Evaluator } from "../values/evaluator.ts";
import type { Value } from "../values/value.ts";

const WRITES =
  /^(?:create|send|charge|refund|transfer|publish|post|submit|cancel|delete|remove|dispatch|issue|mint|withdraw|deposit|purchase|buy|sell|book|order|pay|invite|notify|enqueue)(?:[A-Z_]|$)/;
/** Packages whose verbs stay inside the process. */
const INSIDE =
  /^(?:react|vue|svelte|@angular|next|@remix-run|zod|yup|joi|valibot|lodash|ramda|immer|rxjs|express|fastify|hono|@hono\/|koa|@nestjs|class-|commander|yargs|chalk|winston|pino|@radix-ui|@mui|@headlessui|framer|three|d3|jest|vitest|mocha|@testing|graphql$|@graphql|type-graphql|@tanstack|jotai|zustand|redux|@reduxjs|i18n|date-fns|dayjs|moment|luxon|uuid|crypto|node:|fs|path|util|events|stream|http$|https$|net|os|url|ws$|socket\.io|@modelcontextprotocol|@langchain\/core|ai$|@ai-sdk|@aws-sdk\/|viem\/|@?trpc|@prisma|prom-client$|vscode|ssh2|openid-client|knex|kysely|drizzle|sequelize|typeorm|mongoose|ioredis|redis|pg$|mysql|better-sqlite3|@sentry|posthog|@opentelemetry|@vercel\/(?:og|analytics)|jsonwebtoken|jose|bcrypt|cookie|cors|helmet|multer|sharp|puppeteer|playwright|cheerio|pdf|@libpdf|exceljs|xlsx|archiver|jszip|marked|unified|remark|rehype|mdast|prosemirror|@tiptap|slate|lexical|monaco|codemirror|swr|formik|react-hook-form|next-auth|@auth|lucia|better-auth|bottleneck|p-|async|debug|dotenv|eventemitter|mitt|nanoevents|buffer|bs58|tweetnacl|@noble|@scure|ethereumjs|@solana\/spl|@metaplex|superstruct|borsh|bn\.js|big|decimal|@coral-xyz|lru-cache|ts-morph|electron|idb|typedoc|konva|@mikro-orm|objection|bookshelf|@payload|payload$|msw|nock|testcontainers|@testcontainers|iron-session|arctic|nuqs|@conform|zustand|chokidar|worker_threads|evt$|newrelic|@bufbuild)/;

/** Something like a write, of a package that the catalogue does not know: `acme orders.create`. */
export interface UnknownWrite {
  name: string;
  pkg: string;
  /** As in a value: with "new" and "()". */
  path: readonly string[];
  /** The call that made the client. */
  made: CallFact | null;
  /** How many calls it took to come by the object. */
  depth: number;
}

/** Does nothing outside the process, whatever its methods are called. */
export function isInside(pkg: string): boolean {
  return INSIDE.test(pkg);
}

export function unknownWrite(evaluator: Evaluator, catalogue: Catalogue, call: CallFact): UnknownWrite | null {
  return unknownWrites(evaluator, catalogue, call, WRITES, isWaitedFor)[0] ?? null;
}

/** What a call may be of all packages that the catalogue does not know. */
export function unknownWrites(
  evaluator: Evaluator,
  catalogue: Catalogue,
  call: CallFact,
  verbs: RegExp,
  isRequest: (call: CallFact) => boolean,
): UnknownWrite[] {
  const { callee } = call;
  const name = callee.k === "member" ? callee.p : callee.k === "ref" ? callee.b.name : "";
  if (call.isNew || !verbs.test(name) || !isRequest(call)) return [];
  const found = evaluator.of(callee).flatMap((one) => writeIn(one, catalogue) ?? []);
  // A function that a client has lent: `const charge = client.charge.bind(client)`.
  return callee.k === "member" ? found : found.filter((one) => verbs.test(one.path.at(-1) ?? ""));
}

/** Awaited, handed on, or told how it went: what nobody waits for is mostly no request. */
function isWaitedFor(call: CallFact): boolean {
  const last = call.args.at(-1);
  return call.awaited || call.next !== null || (last?.k === "function" && last.f.params.length > 0);
}

function writeIn(value: Value, catalogue: Catalogue): UnknownWrite | null {
  if (value.k !== "ext" || catalogue.of(value.pkg).length > 0 || INSIDE.test(value.pkg)) return null;
  if (!value.path.includes("new") && !value.path.includes("()")) return null;
  if (value.path.includes("cb")) return null;
  return {
    name: `${value.pkg} ${value.path.filter((one) => !["default", "new", "()"].includes(one)).join(".")}`,
    pkg: value.pkg,
    path: value.path,
    made: value.made ?? null,
    depth: value.path.filter((one) => one === "()" || one === "new").length,
  };
}
