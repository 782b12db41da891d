/**
 * Prints precision and recall on hand-labelled public code.
 *
 *   node scripts/measure-labels.ts FOLDER LABELS.json [--verbose]
 *
 * FOLDER holds one folder per repository, `owner+name`, with the labelled commit checked out. The labels are pinned by
 * commit; neither they nor the code are part of this project.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Analysis, type AuditedBoundary, analyze } from "../src/audit.ts";
import { placeOf } from "../src/boundaries/boundary.ts";
import { lineAt } from "../src/facts/model.ts";
import { labelOf } from "../src/keys/label.ts";
import { loadProject } from "../src/project/load-project.ts";
import { PATH_CLASSES } from "../src/project/path-class.ts";

interface Label {
  repo: string;
  path: string;
  line: number;
  boundary: boolean;
  sink: string;
  kind: string;
  guarded: string;
  retry_path: string[];
  omission: boolean;
}
interface Labels {
  files: { repo: string; path: string }[];
  labels: Label[];
}
interface Score {
  tp: number;
  fp: number;
  fn: number;
}

const [folder, labelsPath, flag] = process.argv.slice(2);
if (!folder || !labelsPath) {
  console.error("usage: node scripts/measure-labels.ts FOLDER LABELS.json [--verbose]");
  process.exit(2);
}
const verbose = flag === "--verbose";
const { files, labels } = JSON.parse(readFileSync(labelsPath, "utf8")) as Labels;
const scores: Record<string, Score> = {};
const score = (name: string): Score => {
  scores[name] ??= { tp: 0, fp: 0, fn: 0 };
  return scores[name];
};
const say = (text: string) => {
  if (verbose) console.log(text);
};

for (const repo of new Set(files.map((one) => one.repo))) {
  const root = join(folder, repo.replace("/", "+"));
  if (!existsSync(root)) {
    console.error(`missing: ${root}`);
    continue;
  }
  const analysis = analyze(loadProject(root, { cacheFolder: null, include: new Set(PATH_CLASSES) }), {
    classes: new Set(PATH_CLASSES),
    sinks: [],
  });
  for (const file of files.filter((one) => one.repo === repo)) measureFile(analysis, repo, file.path);
}

for (const [name, { tp, fp, fn }] of Object.entries(scores)) {
  const part = (of: number) => (tp + of === 0 ? "-" : (tp / (tp + of)).toFixed(3));
  console.log(`${name.padEnd(22)} precision ${part(fp)}  recall ${part(fn)}  (${tp} right, ${fp} wrong, ${fn} missed)`);
}

function measureFile(analysis: Analysis, repo: string, path: string): void {
  const own = labels.filter((one) => one.repo === repo && one.path === path);
  const direct = own.filter((one) => !one.sink.startsWith("wrapper->"));
  const local = new Set(
    own.filter((one) => one.kind === "db-write" || one.kind === "cache-write").map((one) => one.line),
  );
  const found = analysis.boundaries.filter((one) => placeOf(one.boundary).path === path && !one.boundary.local);
  for (const one of found) {
    const { line } = placeOf(one.boundary);
    const label = direct.find((candidate) => candidate.line === line);
    if (label?.boundary) measureBoundary(one, label);
    else if (!local.has(line)) {
      score("boundaries").fp++;
      say(`boundary, wrong: ${path}:${line} ${one.boundary.operation}`);
    }
  }
  for (const label of direct)
    if (label.boundary && !local.has(label.line) && !found.some((one) => placeOf(one.boundary).line === label.line)) {
      score("boundaries").fn++;
      say(`boundary, missed: ${path}:${label.line} ${label.sink}`);
    }
  measureSites(analysis, path, own);
}

function measureBoundary(one: AuditedBoundary, label: Label): void {
  score("boundaries").tp++;
  const at = `${label.path}:${label.line} ${label.sink}`;
  const key = labelOf(one);
  if (key === label.guarded) score("key state").tp++;
  else {
    score("key state").fp++;
    score("key state").fn++;
    say(`key: ${at}: ${key}, labelled ${label.guarded}`);
  }
  const families = new Set([...one.paths.map((path) => path.context.family), ...one.hidden]);
  for (const family of families)
    if (label.retry_path.includes(family)) score("retry path").tp++;
    else {
      score("retry path").fp++;
      say(`retry path, not labelled: ${at}: ${family}`);
    }
  for (const family of label.retry_path)
    if (!families.has(family)) {
      score("retry path").fn++;
      say(`retry path, missed: ${at}: ${family}`);
    }
}

function measureSites(analysis: Analysis, path: string, own: Label[]): void {
  const wanted = own.filter((one) => one.sink.startsWith("wrapper->"));
  const sites = analysis.sites.filter(
    (one) =>
      one.call.fn.file.path === path && one.boundary.call.fn.file.path !== path && one.boundary.tier === "irreversible",
  );
  const lines = new Set(sites.map((one) => lineAt(one.call.fn.file, one.call.pos).line));
  for (const label of wanted)
    if (lines.has(label.line)) score("wrapper call sites").tp++;
    else {
      score("wrapper call sites").fn++;
      say(`wrapper, missed: ${path}:${label.line} ${label.sink}`);
    }
  for (const line of lines)
    if (!wanted.some((one) => one.line === line)) {
      score("wrapper call sites").fp++;
      say(`wrapper, not labelled: ${path}:${line}`);
    }
}
