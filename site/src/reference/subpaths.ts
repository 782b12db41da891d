import { existsSync, readFileSync } from "node:fs";
import { DOCS, ROOT } from "../addresses.ts";

/** One way to import the package. */
export interface Subpath {
  /** What is written after `from`: `onceguard/sqlite`. */
  readonly specifier: string;
  /** Its page: `reference/sqlite.md`. */
  readonly page: string;
  /** The declarations that were built for it. */
  readonly file: string;
  /** The page of the documentation that explains it. */
  readonly guide: string;
}

const PACKAGE = `${ROOT}packages/onceguard/`;

/** Where the guide has another name than the subpath. */
const GUIDES: Readonly<Record<string, string>> = {
  onceguard: "actions.md",
  memory: "stores.md",
  sqlite: "stores.md",
  postgres: "stores.md",
  store: "stores.md",
  notify: "notifications.md",
  hono: "idempotency-key.md",
  express: "idempotency-key.md",
  fastify: "idempotency-key.md",
  seal: "verifiable-receipts.md",
  otel: "telemetry.md",
  sqs: "sqs-lambda.md",
  lambda: "sqs-lambda.md",
};

/** Every public subpath, in the order of the package's `exports`. */
export function subpaths(): readonly Subpath[] {
  const { exports } = JSON.parse(readFileSync(`${PACKAGE}package.json`, "utf8")) as { exports: Record<string, string> };
  return Object.entries(exports)
    .filter(([, target]) => target.endsWith(".js"))
    .map(([key, target]) => {
      const name = key === "." ? "onceguard" : key.slice(2);
      const guide = GUIDES[name] ?? `${name}.md`;
      if (!existsSync(`${DOCS}${guide}`)) throw new Error(`${key} has no guide: docs/${guide} does not exist.`);
      return {
        specifier: key === "." ? "onceguard" : `onceguard/${name}`,
        page: `reference/${name}.md`,
        file: `${PACKAGE}${target.slice(2).replace(/\.js$/, ".d.ts")}`,
        guide,
      };
    });
}
