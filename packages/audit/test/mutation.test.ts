import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runAudit } from "../src/run-audit.ts";
import { sources } from "./support/sources.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const SHOP = fileURLToPath(new URL("fixtures/shop", import.meta.url));
const original = sources(SHOP);

type Files = Record<string, string>;

/** The rules found in each file, whatever lines they are on. */
function rulesByFile(root: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const one of runAudit(root).report.findings) {
    const file = basename(one.place.path);
    found[file] = [...(found[file] ?? []), one.rule].sort();
  }
  return found;
}

function change(pattern: RegExp, by: (path: string, source: string) => string): Files {
  return Object.fromEntries(
    Object.entries(original).map(([path, source]) => [path, pattern.test(path) ? by(path, source) : source]),
  );
}

/** Other ways to make and pass on the clients that all files import. */
const CLIENTS: Record<string, Files> = {
  "re-exported through two barrels": {
    "src/clients.ts": 'export * from "./barrel/index.ts";\n',
    "src/barrel/index.ts": 'export { payments as stripe, mail as resend } from "./made.ts";\n',
    "src/barrel/made.ts":
      'import { Resend } from "resend";\nimport Stripe from "stripe";\nconst payments = new Stripe("k");\nconst mail = new Resend("k");\nexport { mail, payments };\n',
  },
  "made by a factory": {
    "src/clients.ts":
      'import { Resend as Mail } from "resend";\nimport StripeClient from "stripe";\nfunction make() {\n  return { payments: new StripeClient("k"), mail: new Mail("k") };\n}\nexport const { payments: stripe, mail: resend } = make();\n',
  },
  "made late, and typed": {
    "src/clients.ts":
      'import type { Resend } from "resend";\nimport type Stripe from "stripe";\nexport declare const unused: number;\nlet found: Stripe;\nexport const stripe: Stripe = load();\nexport const resend = load() as Resend;\nfunction load(): never {\n  throw new Error(String(found));\n}\n',
  },
  "fields of an object": {
    "src/clients.ts":
      'import { Resend } from "resend";\nimport Stripe from "stripe";\nconst clients = { billing: { stripe: new Stripe("k") }, resend: new Resend("k") };\nexport const stripe = clients.billing.stripe;\nexport const { resend } = clients;\n',
  },
  "fields of a class": {
    "src/clients.ts":
      'import { Resend } from "resend";\nimport Stripe from "stripe";\nclass Clients {\n  readonly stripe: Stripe;\n  readonly #resend = new Resend("k");\n  constructor(stripe: Stripe) {\n    this.stripe = stripe;\n  }\n  get mail() {\n    return this.#resend;\n  }\n  mailer() {\n    return this.#resend;\n  }\n}\nconst clients = new Clients(new Stripe("k"));\nexport const stripe = clients.stripe;\nexport const resend = clients.mailer();\n',
  },
  "made under a condition": {
    "src/clients.ts":
      'import { Resend } from "resend";\nimport Stripe from "stripe";\nexport const stripe = process.env.LIVE ? new Stripe("live") : new Stripe("test");\nexport const resend = globalThis.mail ?? new Resend("k");\n',
  },
  "by require": {
    "src/clients.ts":
      'const Stripe = require("stripe");\nconst { Resend } = require("resend");\nmodule.exports.stripe = new Stripe("k");\nmodule.exports.resend = new Resend("k");\n',
  },
};

describe("a change that means the same loses no finding", () => {
  const before = rulesByFile(SHOP);
  const same = (files: Files) => expect(rulesByFile(temporaryFolder(files))).toEqual(before);

  for (const [name, files] of Object.entries(CLIENTS)) it(`clients ${name}`, () => same({ ...original, ...files }));

  it("renames: the names of clients and files mean nothing", () => {
    same(
      change(/\.ts$/, (path, source) =>
        path.endsWith("clients.ts")
          ? source.replace("const stripe", "const gateway").replace("const resend", "const post")
          : source.replace(/(?<!["'/.\w-])(stripe|resend)\b(?!["'\w-])/g, (_, name: string) =>
              name === "stripe" ? "gateway" : "post",
            ),
      ),
    );
  });

  it("aliases: a local name for the client", () => {
    same(
      change(/dup\d+\.ts$/, (_, source) => {
        if (!/import \{[^}]*\bstripe\b[^}]*\} from ".\/clients.ts"/.test(source)) return source;
        const renamed = source.replace(/(?<!["'/.\w-])stripe\./g, "api.");
        return renamed.replace(/(from "\.\/clients\.ts";\n)/, "$1\nconst api = stripe;\n");
      }),
    );
  });

  it("moves: into another folder, behind a path alias", () => {
    const moved: Files = { "tsconfig.json": '{ "compilerOptions": { "paths": { "@/*": ["./lib/deep/*"] } } }' };
    for (const [path, source] of Object.entries(original)) {
      const shared = /(?:clients|database|mailer)\.ts$/.test(path);
      const target = shared ? path.replace("src/", "lib/deep/") : path;
      moved[target] = source.replace(/"\.\/(clients|database|mailer)\.ts"/g, '"@/$1"');
    }
    same(moved);
  });

  it("wraps: a project function around the library that retries", () => {
    const files = change(/\.ts$/, (path, source) =>
      /from "p-retry"/.test(source) && path !== "src/again.ts"
        ? source.replace('import pRetry from "p-retry"', 'import { again as pRetry } from "./again.ts"')
        : source,
    );
    files["src/again.ts"] =
      'import pRetry from "p-retry";\nexport async function again<T>(work: () => Promise<T>, options?: object): Promise<T> {\n  return pRetry(work, options);\n}\n';
    same(files);
  });

  it("formats: other quotes, semicolons, line ends", () => {
    same(change(/\.ts$/, (_, source) => source.replaceAll("\n", "\r\n")));
  });
});
