import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mayExhaustStack } from "../src/facts/risk.ts";
import { toHtml } from "../src/report/html.ts";
import { toJson } from "../src/report/json.ts";
import { toMarkdown } from "../src/report/markdown.ts";
import { toSarif } from "../src/report/sarif.ts";
import { toTerminal } from "../src/report/terminal.ts";
import { runAudit } from "../src/run-audit.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const EFFECT =
  'import pRetry from "p-retry";\nimport Stripe from "stripe";\nconst stripe = new Stripe("k");\nexport const pay = () => pRetry(() => stripe.charges.create({ amount: 1, currency: "eur" }));\n';

describe("hostile repositories", () => {
  it("leaves out 10 MB on one line, and says so", () => {
    const root = temporaryFolder({
      "bundle.js": `var a=${"[1,2,3].map(x=>x+1);".repeat(500_000)}`,
      "small.js": `f(${"1,".repeat(60_000)}1)`,
      "pay.ts": EFFECT,
    });
    const { report } = runAudit(root);
    expect(report.coverage.notRead.map((one) => one.path).sort()).toEqual(["bundle.js", "small.js"]);
    expect(report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it("survives nesting that breaks a stack, and reads the rest", () => {
    const root = temporaryFolder({
      "deep.js": `const x = ${"(".repeat(6000)}1${")".repeat(6000)};`,
      "sum.js": `const y = ${Array.from({ length: 20_000 }, (_, index) => `a${index}`).join(" +\n")};`,
      "nested.js": `${"function f() {\n".repeat(3000)}${"}\n".repeat(3000)}`,
      "else.js": `if (a) b();${" else if (a) b();".repeat(9000)}`,
      "quoted.js": `const q = /'/ ; ${"[".repeat(9000)}${"]".repeat(9000)} /'/;`,
      "arrows.js": `const z = ${"() =>\n".repeat(4000)} 1;`,
      "pay.ts": EFFECT,
    });
    expect(runAudit(root).report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it("reads a drawing here, and what only looks like one in a process of its own", () => {
    const drawn = "M12.5 3.2-4.1-.5c1.5 2,3-1 ".repeat(400);
    const isRisky = (source: string) => mayExhaustStack(Buffer.from(source));
    expect(isRisky(`export const Logo = () => <svg><path d="${drawn}" /></svg>;`)).toBe(false);
    const minus = "-1".repeat(1500);
    expect(isRisky(`const a = "b="${minus};`)).toBe(true);
    expect(isRisky(`const a = "b="in c${minus};`)).toBe(true);
    expect(isRisky(`// "="M1\nconst a = 1${minus};`)).toBe(true);
    expect(isRisky(`/*="M1*/const a = 1${minus};`)).toBe(true);
    expect(isRisky(`const a = '="M1'${minus};`)).toBe(true);
    expect(isRisky(`const a = \`="M\${1${minus}}\`;`)).toBe(true);
    expect(isRisky(`const a = /="M/${minus};`)).toBe(true);
  });

  it("survives a letter behind a text, where the drawing that it looks like is not looked into", () => {
    const minus = "-1".repeat(100_000);
    const root = temporaryFolder({
      "sum.js": `const a = "b="M1${minus};`,
      "call.ts": `f("b="m1${minus})`,
      "case.ts": `switch (a) { case "b="M1${minus}: }`,
      "part.tsx": `const a = <a b="c="M1${minus} />;`,
      "words.js": `const a = "b="M1 ${"- ".repeat(100_000)}1;`,
      "pay.ts": EFFECT,
    });
    expect(runAudit(root).report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it("reads what it can of broken syntax, and says so", () => {
    const { report } = runAudit(
      temporaryFolder({
        "broken.ts": "export const = ;; function (",
        "pay.ts": EFFECT,
        "nul.ts": "const a = '\u0000';",
        "latin.ts": Buffer.from([0x63, 0xe9, 0xff, 0x0a]),
      }),
    );
    expect(report.coverage.notRead.some((one) => one.path === "broken.ts" && /syntax/.test(one.why))).toBe(true);
    expect(report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it("reads templates as data: broken, unfolding, deep and large ones too", () => {
    const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${"bcdefghij"
      .split("")
      .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghij"[index]}`).join(", ")}]`)
      .join("\n")}\nfunctions: *j\n`;
    const { report } = runAudit(
      temporaryFolder({
        "pay.ts": EFFECT,
        "a/serverless.yml": bomb,
        "b/serverless.yml": "functions:\n  pay: { handler: pay.pay\n events: [",
        "c/template.yaml": `Resources: ${"[".repeat(20_000)}`,
        "d/template.json": `{"Resources": "${"x".repeat(1_100_000)}"}`,
        "e/serverless.yml": "functions: !!js/function 'function () { process.exit(3) }'\n",
        "f/serverless.yml":
          "functions:\n  a:\n    handler: ../../../../etc/passwd.a\n    events: [{ sqs: x }]\n  __proto__:\n    handler: 7\n",
      }),
    );
    expect(report.coverage.notRead.map((one) => one.path).sort()).toEqual([
      "a/serverless.yml",
      "b/serverless.yml",
      "c/template.yaml",
      "d/template.json",
    ]);
    expect(report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it("does not follow symbolic links", () => {
    const root = temporaryFolder({ "pay.ts": EFFECT });
    mkdirSync(join(root, "loop"));
    symlinkSync(root, join(root, "loop", "again"));
    symlinkSync("/etc/passwd", join(root, "secrets.ts"));
    const { report } = runAudit(root);
    expect(report.coverage.files).toBe(1);
    expect(report.coverage.notRead).toEqual([{ path: "secrets.ts", why: "symbolic link" }]);
  });

  it("ends in cycles of imports, values, classes and types", () => {
    const root = temporaryFolder({
      "a.ts":
        'export * from "./b.ts";\nexport { x } from "./b.ts";\nimport { y } from "./b.ts";\nexport let s = { ...y, s: () => s };\ns = { ...s, more: s };\nexport type T = T[] | { t: T };\nexport const t: T = t;\n',
      "b.ts":
        'export * from "./a.ts";\nexport { x } from "./a.ts";\nimport { s } from "./a.ts";\nexport let y = { ...s };\ny = y.s.y[0].s(y)(y);\nexport class A extends B {}\nexport class B extends A { m() { return this.m(); } }\nnew B().m().m();\n',
      "c.js":
        "function f(g, s) { return f(() => g(f), { ...s, ...f(s, g) }); }\nf(f, f(f, f));\nconst o = {}; o.o = o; o.o.o.o();\n",
      "package.json": "{ broken",
      "tsconfig.json": '{ "extends": "./tsconfig.json" }',
      "vercel.json": '{ "crons": { "path": 1 } }',
      "pay.ts": EFFECT,
    });
    expect(runAudit(root).report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it("ends where a variable is made from itself, whatever it is asked for", () => {
    // As a walk through a list (`page = page.next`) does it: in each role that the audit follows a value in.
    const cycle = (name: string, step: string) =>
      `let ${name} = start(); let ${name}2 = ${name}${step}; ${name} = ${name}2${step};`;
    const source = (body: string) => `import pRetry from "p-retry";
import Stripe from "stripe";
import axios from "axios";
import { Queue } from "bullmq";
const stripe = new Stripe("k");
declare function start(): any;
export async function run(input: any) {
  ${cycle("page", ".next")} ${cycle("key", "")} ${cycle("queue", '.queue("a")')} ${cycle("tools", "")} ${cycle("url", "")}
  key = key ?? key2; key2 = key2 ?? key;
  ${body}
}
`;
    const bodies = [
      "return pRetry(async () => { try { await stripe.charges.create({ amount: 1, currency: 'eur' }, { idempotencyKey: key }); } catch (error) { let cause = error.x; cause = page.y; if (page.code === key) throw error; if (cause) return; } });",
      "for (const one of page) await stripe.charges.create(key, page2);",
      "return pRetry(() => queue.send(key)); ",
      "return pRetry(() => axios.post(url, key, url2));",
      "return pRetry(() => page.handlers[key](page2));",
      "await new Queue(key).add(key2, page); return generateText({ tools, prompt: key });",
      "return pRetry(() => fetch(url + page.path, { method: key, body: page2 }));",
    ];
    for (const body of bodies) {
      const root = temporaryFolder({ "a.ts": source(body), "pay.ts": EFFECT });
      const { report } = runAudit(root);
      expect(report.findings.some(({ place }) => place.path === "pay.ts")).toBe(true);
      expect(report.coverage.notRead).toEqual([]);
    }
  });

  it("ends where values and types have endlessly many ways", () => {
    const names = Array.from({ length: 40 }, (_, index) => index);
    const states = names.map((one) => `let s${one} = { ${names.map((other) => `...s${other}`).join(",\n")} };`);
    const types = names.map(
      (one) => `type T${one} = ${names.map((other) => `T${other}`).join(" |\n")} | { f: T${one} };`,
    );
    const lists = names.map(
      (one) => `let l${one} = [${names.map((other) => `...l${other}, l${other}.map((x) => [x])`)}];`,
    );
    const root = temporaryFolder({
      "src/a.ts": [
        ...states,
        ...types,
        ...lists,
        "declare const t: T0;",
        "s0.a.b(); t.f.g(); l0[0].h(); (s3 as any).x.y.z();",
      ].join("\n"),
      "pay.ts": EFFECT,
    });
    const { report } = runAudit(root);
    expect(report.coverage.notRead).toEqual([]);
    expect(report.findings.map((one) => one.rule)).toEqual(["DUP001"]);
  });

  it("injects nothing into its reports", () => {
    const evil = '<img src=x onerror=alert(1)>"\u001b[31m|`]](javascript:1)';
    const name = `${evil.replaceAll("/", "")}.ts`;
    const source = `import axios from "axios";\nimport pRetry from "p-retry";\nexport const pay = () => pRetry(() => axios.post("https://x.example/<script>alert(1)</script>\\u001b[2J/orders", {}));\n// onceguard-ignore-next-line DUP001 -- <b>\u001b[1m\n`;
    const root = temporaryFolder();
    writeFileSync(join(root, name), source);
    const { report } = runAudit(root);
    expect(report.findings).toHaveLength(1);
    const page = toHtml(report);
    expect(page).not.toContain("<img");
    expect(page).not.toMatch(/<script/i);
    expect(page).toContain("default-src &#39;none&#39;".replaceAll("&#39;", "'"));
    for (const text of [
      page,
      toMarkdown(report),
      toTerminal(report, { color: false, all: true }),
      toJson(report),
      toSarif(report, "1"),
    ])
      expect(text).not.toContain("\u001b");
    // Inside a code span markup is text; outside there is none.
    expect(toMarkdown(report).replace(/`[^`\n]*`/g, "")).not.toMatch(/<(?:img|script)/i);
    expect(JSON.parse(toJson(report)).findings[0].place.path).toBe(name);
  });
});
