/**
 * Asks the declarations of real packages for every pattern of the catalogue, and writes the answers down.
 *
 *   node scripts/refresh-surfaces.ts [--folder FOLDER] [PACKAGE ...]
 *
 * A package that is installed here is read where it is, any other one from FOLDER (`@scope+name.tgz`, in the temporary
 * folder unless told). Only a package that is named is fetched, with `npm pack`. What nobody has fetched stands as unread,
 * what an earlier run has read stays.
 * Nothing of a package is executed.
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { RETRIES } from "../src/catalogue/retries.ts";
import { SINKS } from "../src/catalogue/sinks.ts";
import { asksOf } from "./catalogue-names.ts";
import { type Answer, answerOf, type Declared, readDeclared } from "./declared-names.ts";

const FILE = fileURLToPath(new URL("../test/surfaces.json", import.meta.url));
const INSTALLED = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
const MAX_ARCHIVE = 30_000_000;

/** What a package hands on from another one. */
const DECLARED_IN: Record<string, string[]> = {
  "@octokit/rest": ["@octokit/rest", "@octokit/core", "@octokit/plugin-rest-endpoint-methods"],
};

/** Majors that are in use, where the newest shares no name with them. */
const MAJOR: Record<string, string> = { "@solana/web3.js": "1" };

const OLDER = "older majors only";
const VARIABLE = "the first name is what callers call their variable";

/** Patterns that the newest declarations need not have, and why the catalogue keeps them. */
const EXCUSED: { sink: string; pattern: RegExp; reason: string }[] = [
  { sink: "stripe", pattern: /^invoices\.retrieveUpcoming$/, reason: OLDER },
  { sink: "square", pattern: /^Client$/, reason: OLDER },
  { sink: "ethers", pattern: /^(?!ethers\.)(?:\*\.)?[a-z]/, reason: "methods of contracts, which their ABI declares" },
  { sink: "got", pattern: /^(?:post|put|patch|head)$/, reason: "declared for all methods at once, by a mapped type" },
  { sink: "pgboss", pattern: /^send(?:Once|Singleton)$/, reason: OLDER },
  { sink: "slack-web", pattern: /^files\.upload$/, reason: OLDER },
  { sink: "octokit-rest", pattern: /^octokit\./, reason: VARIABLE },
  {
    sink: "octokit-rest",
    pattern: /projectsClassic/,
    reason: "one name of the list, projectsClassic: older majors only",
  },
  { sink: "langchain-tool-invoke", pattern: /\.invoke$/, reason: VARIABLE },
];

interface Read {
  version: string;
  declared: Declared;
}

const { values, positionals } = parseArgs({ options: { folder: { type: "string" } }, allowPositionals: true });
const folder = values.folder ?? join(tmpdir(), "onceguard-surfaces");
mkdirSync(folder, { recursive: true });
for (const name of positionals) fetchPackage(name);

interface Recorded {
  packages: Record<string, string>;
  sinks: Record<string, Record<string, string>>;
}

/** What an earlier run has read and this one cannot, stays. */
const before: Partial<Recorded> = existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : {};
const packages: Recorded["packages"] = {};
const unread: Record<string, string> = {};
const read = new Map<string, Read>();
const named = [...SINKS.flatMap((one) => one.packages), ...[...RETRIES.values()].flatMap((one) => one.packages)];
for (const name of [...new Set(named)].sort()) {
  const found = readPackage(name);
  if (typeof found === "string") {
    const version = before.packages?.[name];
    if (version === undefined) unread[name] = found;
    else packages[name] = version;
    continue;
  }
  packages[name] = found.version;
  read.set(name, found);
}

const excused: Record<string, Record<string, string>> = {};
const sinks: Recorded["sinks"] = {};
for (const sink of SINKS) {
  const answers: Record<string, string> = {};
  const open = sink.packages.some((one) => unread[one] !== undefined);
  for (const pattern of asksOf(sink)) {
    let best: { answer: Answer; name: string } | undefined;
    for (const name of sink.packages) {
      const one = read.get(name);
      const answer = one ? answerOf(pattern, one.declared) : null;
      if (answer === "chain" || (answer === "names" && !best)) best = { answer, name };
      if (answer === "chain") break;
    }
    const earlier = before.sinks?.[sink.id]?.[pattern];
    if (best?.answer !== "chain" && earlier !== undefined && kept(sink.packages, earlier)) {
      answers[pattern] = earlier;
      continue;
    }
    const excuse = EXCUSED.find((one) => one.sink === sink.id && one.pattern.test(pattern));
    if (excuse && best?.answer !== "chain") {
      excused[sink.id] = { ...excused[sink.id], [pattern]: excuse.reason };
      continue;
    }
    const last = best && `${best.name}@${packages[best.name]}`;
    // `~`: every name is declared, but not what leads from one to the next.
    answers[pattern] = last ? `${best?.answer === "names" ? "~" : ""}${last}` : open ? "unread" : "missing";
  }
  if (Object.keys(answers).length > 0) sinks[sink.id] = answers;
}

writeFileSync(FILE, `${JSON.stringify({ packages, unread, excused, sinks }, null, 2)}\n`);
const all = Object.entries(sinks).flatMap(([id, answers]) =>
  Object.entries(answers).map((one) => [id, ...one] as const),
);
for (const [id, pattern, answer] of all)
  if (answer === "missing" || answer.startsWith("~")) console.log(`${id}: ${pattern}: ${answer}`);
console.log(`${Object.keys(packages).length} packages read, ${Object.keys(unread).length} not; ${all.length} patterns`);
console.log(
  `${all.filter((one) => one[2] === "missing").length} missing, ${all.filter((one) => one[2] === "unread").length} open`,
);

/** Is an answer of an earlier run from a package that this one has not read? */
function kept(names: readonly string[], answer: string): boolean {
  return names.some((one) => !read.has(one) && answer.replace(/^~/, "") === `${one}@${packages[one]}`);
}

function archiveOf(name: string): string {
  return join(folder, `${name.replace("/", "+")}.tgz`);
}

function fetchPackage(name: string): void {
  const wanted = MAJOR[name] ? `${name}@${MAJOR[name]}` : name;
  const packed = execFileSync("npm", ["pack", wanted, "--silent", "--ignore-scripts", "--pack-destination", folder], {
    encoding: "utf8",
  });
  renameSync(join(folder, packed.trim().split("\n").at(-1) ?? ""), archiveOf(name));
}

/** What was read, or why not. */
function readPackage(name: string): Read | string {
  if (/[\s()*]/.test(name) || name.startsWith("cloudflare:"))
    return "no package: a platform, a type of code or a family";
  if (name === "$fetch") return "no package: a global of a framework";
  const real = /^(?:node:)?(?:fs|child_process|sqlite)(?:\/|$)/.test(name) ? "@types/node" : bare(name);
  const parts = DECLARED_IN[real] ?? [real];
  const installed = parts.map((one) => join(INSTALLED, one)).filter((one) => existsSync(join(one, "package.json")));
  const [first] = installed;
  if (first !== undefined) {
    const types = join(INSTALLED, "@types", real.replace(/^@/, "").replace("/", "__"));
    const own = readAll(installed, first);
    return own.declared.javascript && existsSync(types) ? readAll([types], first) : own;
  }
  const archive = archiveOf(real);
  if (!existsSync(archive)) return "not fetched: run the script with its name";
  if (statSync(archive).size > MAX_ARCHIVE) return "the archive is larger than 30 MB";
  const unpacked = mkdtempSync(join(tmpdir(), "onceguard-surface-"));
  try {
    execFileSync("tar", ["-xzf", archive, "-C", unpacked, "--no-same-owner"]);
    const inner = readdirSync(unpacked, { withFileTypes: true }).find((one) => one.isDirectory());
    if (!inner) return "the archive is empty";
    const found = readAll([join(unpacked, inner.name)], join(unpacked, inner.name));
    return found.declared.files === 0 ? "no declarations and no JavaScript" : found;
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
  }
}

function readAll(folders: readonly string[], versioned: string): Read {
  const { version } = JSON.parse(readFileSync(join(versioned, "package.json"), "utf8")) as { version: string };
  return { version, declared: readDeclared(folders) };
}

/** `@trigger.dev/sdk/v3` is a part of `@trigger.dev/sdk`. */
function bare(name: string): string {
  return name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
}
