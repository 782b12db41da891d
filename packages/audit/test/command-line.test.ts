import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync } from "oxc-parser";
import { describe, expect, it } from "vitest";
import { sources } from "./support/sources.ts";
import { temporaryFolder } from "./support/temporary-folder.ts";

const SHOP = fileURLToPath(new URL("fixtures/shop", import.meta.url));
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const MAIN = new URL("../src/cli/main.ts", import.meta.url).href;

function audit(...args: string[]): { code: number | null; out: string; err: string } {
  const script = `const { main } = await import(${JSON.stringify(MAIN)}); process.exitCode = main(process.argv.slice(1));`;
  const done = spawnSync(
    process.execPath,
    ["--input-type=module", "-e", script, "--", ...args, ...(args.includes("--cache") ? [] : ["--no-cache"])],
    { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
  );
  return { code: done.status, out: done.stdout, err: done.stderr };
}

describe("the command line", () => {
  it("prints one line per finding, and a summary", () => {
    const { code, out } = audit(SHOP);
    expect(code).toBe(0);
    expect(
      out.split("\n").filter((line) => /^critical .*src\/dup001\.ts:8 .*missing: .*fix: /.test(line)),
    ).toHaveLength(1);
    expect(out).toMatch(/calls change something outside; \d+ of them can be repeated and nothing stops it\./);
  });

  it("explains itself", () => {
    expect(audit("--help").out).toContain("Usage: onceguard audit");
    expect(audit("--version").out.trim()).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it("fails on request", () => {
    expect(audit(SHOP, "--fail-on", "critical").code).toBe(1);
    expect(audit(SHOP, "--fail-on", "critical", "--rule", "DUP090").code).toBe(0);
    expect(audit(SHOP, "--fail-on", "low", "--rule", "dup090").code).toBe(1);
  });

  it.each([
    [["/no/such/folder"], "there is no folder"],
    [["--fail-on", "urgent"], "--fail-on has to be one of"],
    [["--rule", "DUP999"], "--rule has to be one of"],
    [["--unknown"], "Unknown option"],
    [["a", "b"], "one folder at a time"],
    [[SHOP, "--baseline", "/no/such/file"], "cannot read the baseline"],
    [[SHOP, "--html", "/no/such/folder/x.html"], "cannot write"],
    [[SHOP, "--json", "--fix"], "take one of them"],
    [[SHOP, "--diff", "--output=/tmp/x"], "--diff"],
  ])("says in one line what is wrong with %j", (args, message) => {
    const { code, out, err } = audit(...args);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
    expect(err.trim().split("\n")).toHaveLength(1);
  });

  it("says what is wrong with the configuration", () => {
    const root = temporaryFolder({
      "onceguard.audit.json": '{ "sinks": [{ "id": "x", "packages": ["x"], "write": [1] }] }',
    });
    expect(audit(root)).toMatchObject({ code: 2, err: expect.stringContaining("sinks[0].write has to be a text") });
  });

  it("takes clients and accepted places from the configuration", () => {
    const root = temporaryFolder({
      "onceguard.audit.json": JSON.stringify({
        sinks: [{ id: "acme", packages: ["acme-fulfillment"], tier: "irreversible", write: ["shipments.create"] }],
        accept: [{ path: "src/old/**", rules: ["*"], reason: "goes away" }],
      }),
      "src/ship.ts": sources(SHOP)["src/dup090.ts"] as string,
      "src/old/ship.ts": sources(SHOP)["src/dup090.ts"] as string,
    });
    const report = JSON.parse(audit(root, "--json").out);
    expect(report.findings.map((one: { rule: string; severity: string }) => `${one.rule} ${one.severity}`)).toEqual([
      "DUP009 critical",
    ]);
    expect(report.accepted.map((one: { accepted: string }) => one.accepted)).toEqual(["goes away"]);
  });

  it("writes all reports", () => {
    const folder = temporaryFolder();
    const at = (name: string) => join(folder, name);
    const { out } = audit(SHOP, "--json", "--sarif", at("a.sarif"), "--markdown", at("a.md"), "--html", at("a.html"));
    const report = JSON.parse(out);
    expect(report.schema).toBe("onceguard-audit/1");
    expect(report.boundaries[0].answers).toHaveLength(5);
    expect(JSON.parse(readFileSync(at("a.sarif"), "utf8")).version).toBe("2.1.0");
    expect(readFileSync(at("a.md"), "utf8")).toContain("## Five questions before production");
    const page = readFileSync(at("a.html"), "utf8");
    expect(page).toContain("What repeats it");
    expect(page).not.toMatch(/<script|<link|<img|src=|href="(?!https:\/\/github\.com\/onceguard)/);
  });

  it("leaves out what a baseline knows", () => {
    const baseline = join(temporaryFolder(), "baseline.json");
    audit(SHOP, "--write-baseline", baseline);
    const known = JSON.parse(audit(SHOP, "--baseline", baseline, "--json").out);
    expect(known.findings).toEqual([]);
    expect(known.accepted.length).toBeGreaterThan(20);
    expect(audit(SHOP, "--baseline", baseline, "--fail-on", "info").code).toBe(0);
  });

  it("shows a pull request what it touches", () => {
    const root = temporaryFolder(sources(SHOP));
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
        cwd: root,
        stdio: "pipe",
      });
    git("init", "-q");
    git("add", ".");
    git("commit", "-q", "-m", "one");
    expect(JSON.parse(audit(root, "--diff", "HEAD", "--json").out).findings).toEqual([]);
    const path = join(root, "src/dup009.ts");
    writeFileSync(path, readFileSync(path, "utf8").replace('subject: "Welcome"', 'subject: "Hello"'));
    // Only objects are read: no driver or filter of the repository runs.
    const trap = join(root, "trap");
    git("config", "diff.external", `touch ${trap} #`);
    git("config", "core.fsmonitor", `touch ${trap} #`);
    const touched = JSON.parse(audit(root, "--diff", "HEAD", "--json").out).findings;
    expect(touched.map((one: { rule: string; place: { path: string } }) => `${one.place.path} ${one.rule}`)).toEqual([
      "src/dup009.ts DUP009",
    ]);
    expect(existsSync(trap)).toBe(false);
    expect(audit(root, "--diff", "no-such-commit").code).toBe(2);
  });

  it("obeys an ignore comment only with a reason", () => {
    const source = sources(SHOP)["src/dup009.ts"] as string;
    const clients = { "src/clients.ts": sources(SHOP)["src/clients.ts"] as string };
    const withReason = temporaryFolder({
      ...clients,
      "src/a.ts": source.replace(
        "// expect: DUP009",
        "// onceguard-ignore-next-line DUP009 -- the list is deduplicated by the provider",
      ),
    });
    expect(audit(withReason, "--fail-on", "info").code).toBe(0);
    const without = temporaryFolder({
      ...clients,
      "src/a.ts": source.replace("// expect: DUP009", "// onceguard-ignore-next-line DUP009"),
    });
    const { code, out } = audit(without, "--fail-on", "info");
    expect(code).toBe(1);
    expect(out).toContain("gives no reason");
  });

  it("proposes patches that git can apply, and that answer the finding", () => {
    const root = temporaryFolder({
      "src/clients.ts": sources(SHOP)["src/clients.ts"] as string,
      "src/job.ts":
        'import { Worker } from "bullmq";\nimport { resend, stripe } from "./clients.ts";\n\nnew Worker("pay", async (job) => {\n  await stripe.charges.create({ amount: 1, currency: "eur" });\n  await resend.emails.send(\n    { from: "a@example.com", to: job.data.email, subject: "Paid", text: "" },\n    {},\n  );\n});\n',
      "src/random.ts":
        'import pRetry from "p-retry";\nimport { stripe } from "./clients.ts";\n\nexport const pay = () => {\n  const orderId = Math.random();\n  return pRetry(() => stripe.charges.create({ amount: orderId, currency: "eur" }));\n};\n',
    });
    const before = JSON.parse(audit(root, "--json").out).findings.map(
      (one: { place: { path: string } }) => one.place.path,
    );
    expect(before.filter((path: string) => path === "src/job.ts").length).toBeGreaterThanOrEqual(2);
    const { out } = audit(root, "--fix");
    expect(out).not.toContain("src/random.ts");
    execFileSync("git", ["init", "-q"], { cwd: root });
    execFileSync("git", ["apply", "-"], { cwd: root, input: out });
    expect(readFileSync(join(root, "src/job.ts"), "utf8")).toMatch(/idempotencyKey: `charges-create\/\$\{job\.id\}`/);
    const after = JSON.parse(audit(root, "--json").out).findings;
    expect(after.map((one: { place: { path: string } }) => one.place.path)).toEqual(["src/random.ts"]);
  });

  it("writes skeletons of actions that are TypeScript", () => {
    const path = join(temporaryFolder(), "actions.ts");
    audit(SHOP, "--emit-actions", path);
    const source = readFileSync(path, "utf8");
    expect(parseSync(path, source).errors).toEqual([]);
    expect(source).toContain('import { defineAction } from "onceguard";');
    expect(source).toMatch(
      /riskTier: "irreversible",\n\s+input: z\.object\(\{ paymentId: z\.string\(\) \}\),\n\s+keyFields: \["paymentId"\]/,
    );
  });

  it("writes skeletons that type-check against Onceguard, for chosen findings only", () => {
    const all = JSON.parse(audit(SHOP, "--json").out).findings as { rule: string; fingerprint: string }[];
    const webhook = all.find((one) => one.rule === "DUP008");
    const folder = temporaryFolder({
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          target: "es2024",
          lib: ["es2024", "esnext.disposable"],
          module: "nodenext",
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          noEmit: true,
          skipLibCheck: true,
          rewriteRelativeImportExtensions: true,
          types: ["node"],
          typeRoots: [join(ROOT, "node_modules/@types")],
          paths: {
            onceguard: [join(ROOT, "packages/onceguard/src/index.ts")],
            zod: [join(ROOT, "node_modules/zod")],
          },
        },
        include: ["*.ts"],
      }),
    });
    const emitted = (name: string, ...only: string[]) => {
      const { code, err } = audit(
        SHOP,
        "--emit-actions",
        join(folder, name),
        ...only.flatMap((one) => ["--only", one]),
      );
      expect({ code, err }).toEqual({ code: 0, err: "" });
      return readFileSync(join(folder, name), "utf8").match(/defineAction\(\{/g)?.length ?? 0;
    };
    const everything = emitted("all.ts");
    expect(emitted("by-fingerprint.ts", webhook?.fingerprint.slice(0, 8) ?? "")).toBe(1);
    expect(emitted("by-number.ts", "1")).toBe(1);
    expect(emitted("by-rule.ts", "DUP008", "DUP009")).toBeLessThan(everything);
    const checked = spawnSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), "-p", folder], {
      encoding: "utf8",
    });
    expect(checked.stdout).toBe("");
    expect(checked.status).toBe(0);
    // And every one of them is an action that Onceguard takes.
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const loaded = spawnSync(process.execPath, [join(folder, "all.ts")], { encoding: "utf8" });
    expect({ status: loaded.status, err: loaded.stderr }).toEqual({ status: 0, err: "" });
  }, 300_000);

  it.each([
    [["--only", "DUP001"], "--only chooses for"],
    [["--emit-actions", "/dev/null", "--only", "99999"], "there is no such finding"],
    [["--fix", "--only", "feedfacefeedface"], "there is no such finding"],
  ])("does not choose what is not there: %j", (args, message) => {
    const { code, err } = audit(SHOP, ...args);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  it("finds the same with facts from its cache", () => {
    const cache = temporaryFolder();
    const findings = (text: string) => JSON.parse(text).findings;
    const cold = audit(SHOP, "--json", "--cache", cache).out;
    const warm = audit(SHOP, "--json", "--cache", cache).out;
    expect(findings(warm)).toEqual(findings(cold));
    expect(JSON.parse(warm).coverage.cached).toBe(JSON.parse(warm).coverage.files);
  });

  it("does not take an old report for a changed file, though size and time are the same", () => {
    const cache = temporaryFolder();
    const shop = sources(SHOP);
    const root = temporaryFolder(shop);
    const path = join(root, "src/dup001.ts");
    const rules = () =>
      (JSON.parse(audit(root, "--json", "--cache", cache).out).findings as { rule: string; place: { path: string } }[])
        .filter((one) => one.place.path === "src/dup001.ts")
        .map((one) => one.rule);
    expect(rules()).not.toEqual([]);
    const { atime, mtime, size } = statSync(path);
    writeFileSync(path, `//${" ".repeat(size - 2)}`);
    utimesSync(path, atime, mtime);
    expect(rules()).toEqual([]);
    writeFileSync(path, shop["src/dup001.ts"] as string);
    expect(rules()).not.toEqual([]);
  });

  it("is `onceguard audit` of the main package", () => {
    const run = (...args: string[]) =>
      spawnSync(
        process.execPath,
        [join(ROOT, "packages/onceguard/bin/onceguard.js"), "audit", SHOP, "--no-cache", ...args],
        {
          encoding: "utf8",
        },
      );
    const found = run("--json");
    expect(found.status).toBe(0);
    expect(JSON.parse(found.stdout).schema).toBe("onceguard-audit/1");
    expect(run("--fail-on", "critical").status).toBe(1);
    const wrong = run("--rule", "DUP999");
    expect({ status: wrong.status, out: wrong.stdout }).toEqual({ status: 2, out: "" });
    expect(wrong.stderr).toContain("--rule has to be one of");
  });
});
