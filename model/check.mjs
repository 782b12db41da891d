#!/usr/bin/env node
// Checks guard.pml with Spin: the model in every configuration, then every mutant and every dropped assumption, which must
// lead to a counterexample. README.md says what it all means.
//
//   node model/check.mjs                  0: as expected; 1: not; 3: Spin or gcc is missing
//   node model/check.mjs --trail NAME     the shortest counterexample of a mutant or a dropped assumption, step by step
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MODEL = fileURLToPath(new URL("guard.pml", import.meta.url));
const SIDE_BY_SIDE = 2;
const MEGABYTES = 900; // per search; there are SIDE_BY_SIDE at a time

const PROPERTIES = {
  1: "never two effects",
  2: "failed: it did not and will not happen",
  3: "succeeded: it happened, once",
  4: "what is settled stays",
  5: "no write without the fence",
  6: "in the end it is settled",
  7: "no false conflict",
  8: "no silent second effect",
  9: "no send against evidence",
};

/** What an action declares. `ends`: the flags under which the whole state graph is searched for cycles, too. */
const CONFIGURATIONS = [
  { name: "nothing declared", flags: ["CRASHES=2"], ends: [] },
  { name: "dispatch mark (preciseDispatch)", flags: ["MARK", "CRASHES=2"], ends: ["MARK"] },
  { name: "probe, its no is final", flags: ["PROBE", "CRASHES=2"], ends: ["PROBE", "ATTEMPTS=2"] },
  { name: "probe that lags, settle delay", flags: ["EVENTUAL", "CRASHES=2"], ends: ["EVENTUAL", "ATTEMPTS=2"] },
  { name: "downstream key", flags: ["KEY", "CRASHES=2"], ends: ["KEY", "ATTEMPTS=2"] },
  { name: "probe and key", flags: ["PROBE", "KEY"], ends: ["PROBE", "KEY", "ATTEMPTS=2"], large: true },
  {
    name: "probe that lags, and key",
    flags: ["EVENTUAL", "KEY"],
    ends: ["EVENTUAL", "KEY", "ATTEMPTS=2"],
    large: true,
  },
  { name: "a provider that denies", flags: ["DENIALS"], ends: null },
  { name: "a provider that denies, and key", flags: ["DENIALS", "KEY"], ends: null },
  { name: "probe that lies: the records only", flags: ["PROBE", "LYING_PROBE"], ends: null },
  { name: "probe that lies: what is sent", flags: ["PROBE", "LYING_PROBE", "CRASHES=0", "ONLY=9"], ends: null },
];

/** One rule taken out: the property that must fall, and under which capability. */
const MUTANTS = [
  { name: "LEASE_EXPIRY_RERUNS", flags: [], falls: 1 },
  { name: "DELETE_ON_ERROR", flags: [], falls: 1 },
  { name: "AMBIGUOUS_IS_FAILED", flags: [], falls: 2 },
  { name: "RETRY_WHILE_IN_FLIGHT", flags: [], falls: 1 },
  { name: "SUCCESS_BEFORE_THE_SEND", flags: [], falls: 3 },
  { name: "LEASE_NEVER_EXPIRES", flags: [], falls: 6 },
  { name: "NO_LAST_LOOK", flags: ["PROBE"], falls: 1 },
  { name: "MARK_AFTER_THE_SEND", flags: ["MARK"], falls: 1 },
  { name: "UNFENCED_WRITES", flags: ["KEY"], falls: 5 },
  { name: "UNFENCED_WRITES", flags: ["KEY"], falls: 1 },
  { name: "NO_STICKY_FLAG", flags: ["KEY"], falls: 2 },
  { name: "LATE_FAILURE_SETTLES", flags: ["KEY"], falls: 2 },
  { name: "NO_KEY_MARGIN", flags: ["KEY"], falls: 1 },
  { name: "KEY_NEVER_EXPIRES", flags: ["KEY"], falls: 1 },
  { name: "KEY_CHECKED_BEFORE_THE_PROBE", flags: ["PROBE", "KEY"], falls: 1 },
  { name: "GENERATION_BUMP_ON_UNKNOWN", flags: ["KEY"], falls: 1 },
  { name: "NO_SETTLE_DELAY", flags: ["EVENTUAL"], falls: 1 },
  { name: "SETTLE_COUNTS_FROM_THE_START", flags: ["EVENTUAL"], falls: 1 },
  { name: "SETTLED_JUDGED_AFTER_THE_ANSWER", flags: ["EVENTUAL"], falls: 1 },
  { name: "PROBE_ANSWER_NOT_BOUND_TO_VERSION", flags: ["PROBE"], falls: 1 },
  { name: "DECISION_NOT_BOUND_TO_VERSION", flags: ["KEY"], falls: 1 },
  { name: "EVERY_LATE_SUCCESS_IS_A_CONFLICT", flags: ["PROBE"], falls: 7 },
  { name: "LATE_SUCCESS_REWRITES_WHAT_IS_SETTLED", flags: ["PROBE", "LYING_PROBE"], falls: 4 },
  { name: "LATE_SUCCESS_IGNORES_NEWER_ATTEMPT", flags: ["PROBE", "LYING_PROBE", "ATTEMPTS=2"], falls: 8 },
  { name: "ONE_DENIAL_COUNTS_FOR_ALL", flags: ["DENIALS"], falls: 1 },
  { name: "ONE_DENIAL_COUNTS_FOR_ALL", flags: ["DENIALS", "KEY"], falls: 2 },
  { name: "SENDS_DESPITE_CONFLICT", flags: ["PROBE", "LYING_PROBE", "CRASHES=0"], falls: 9 },
].map((mutant) => ({ ...mutant, flags: [...mutant.flags, `M_${mutant.name}`] }));

/** One assumption taken out. `falls: null`: the promise must hold without it. */
const ASSUMPTIONS = [
  { name: "A0", flags: ["DROP_A0"], falls: 1, words: "the store forgets a write" },
  { name: "A1", flags: ["DROP_A1"], falls: 1, words: "a pause before the send, then a person says no" },
  {
    name: "A1-NO-PERSON",
    flags: ["DROP_A1", "PERSON_NEVER_SAYS_NO"],
    falls: null,
    words: "as A1, and the person only ever says yes",
  },
  { name: "A1-PROBE", flags: ["DROP_A1", "PROBE"], falls: 1, words: "a pause before the send, with a probe" },
  {
    name: "A1-MARK",
    flags: ["DROP_A1", "MARK"],
    falls: 1,
    words: "a pause between mark and send, then a person says no",
  },
  { name: "A2", flags: ["DROP_A2", "KEY"], falls: 1, words: "the provider checks and acts in two steps" },
  {
    name: "A2-MARGIN",
    flags: ["DROP_MARGIN", "KEY"],
    falls: 1,
    words: "longer from claim to arrival than the key's margin",
  },
  {
    name: "A3",
    flags: ["DROP_A3", "PROBE"],
    falls: 1,
    words: "a probe that sees its own writes, and not what is on its way",
  },
  { name: "A3-LAG", flags: ["DROP_A3", "EVENTUAL"], falls: 1, words: "a settle delay shorter than lag and way" },
  { name: "A4", flags: ["DROP_A4"], falls: 1, words: "somebody goes round the guard" },
  { name: "P", flags: ["DROP_P"], falls: 1, words: "a person who decides while it is on its way" },
];

/** The rows of docs/concepts-states.md that are modelled: every step of each must be taken in some configuration. */
const ROWS = [1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];

class ToolMissing extends Error {}

const install = "install them with: apt-get install spin gcc libc6-dev";

function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => {
      reject(error.code === "ENOENT" ? new ToolMissing(`model: ${command} is not installed; ${install}`) : error);
    });
    child.on("close", (code) => resolve({ code, output }));
  });
}

async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), "onceguard-model-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const defines = (flags) => flags.map((flag) => `-D${flag}`);

/** One exhaustive search. `shortest`: breadth first, so that the counterexample is one of the shortest. */
async function search(flags, { shortest = false, cycles = false, large = false, folder }) {
  const model = await run("spin", [...defines(flags), "-a", MODEL], folder);
  if (model.code !== 0 || /Error/.test(model.output)) throw new Error(`spin ${flags.join(" ")}\n${model.output}`);
  const kind = shortest ? ["-DSAFETY", "-DBFS"] : cycles ? ["-DNP"] : ["-DSAFETY"];
  // Only a large search takes longer than the optimiser.
  const compiled = await run(
    "gcc",
    [large ? "-O1" : "-O0", ...kind, "-w", `-DMEMLIM=${MEGABYTES}`, "-o", "pan", "pan.c"],
    folder,
  );
  if (compiled.code !== 0) throw new Error(`gcc\n${compiled.output}`);
  const { output } = await run(
    join(folder, "pan"),
    ["-m100000", large ? "-w22" : "-w19", ...(cycles ? ["-l"] : [])],
    folder,
  );
  const states = Number(/^\s*(\d+) states, stored/m.exec(output)?.[1] ?? 0);
  const broken = /assertion violated \(broken!=(\d+)\)/.exec(output)?.[1];
  const complete = /errors: 0/.test(output) && !/not completed|too small|out of memory|reached -DMEMLIM/.test(output);
  return { output, states, holds: complete && states > 0, broken: broken === undefined ? null : Number(broken) };
}

/** The steps with a row number that this configuration has, and whether the search has taken them wherever they stand. */
async function stepsOf(flags, output, folder) {
  const { output: expanded } = await run("spin", [...defines(flags), "-I", MODEL], folder);
  const unreached = new Set(numberedSteps(output.slice(output.indexOf("unreached in"))));
  return numberedSteps(expanded).map((step) => [step, !unreached.has(step)]);
}

function numberedSteps(text) {
  return [...text.matchAll(/printf\('([^']*\(row \d+\)[^'\\]*)/g)].map(([, step]) => step);
}

async function checkConfiguration({ flags, ends, large }) {
  const started = performance.now();
  const searched = await inFolder(async (folder) => {
    const found = await search(flags, { folder, large });
    return { ...found, steps: await stepsOf(flags, found.output, folder) };
  });
  const cycles = ends && (await inFolder((folder) => search(ends, { cycles: true, folder })));
  const words = searched.holds ? ["holds"] : [fallen(searched)];
  if (cycles) words.push(cycles.holds ? "always ends" : "DOES NOT ALWAYS END");
  return {
    ok: searched.holds && (cycles === null || cycles.holds),
    steps: searched.steps,
    cells: [count(searched.states), seconds(started), words.join(", ")],
  };
}

async function checkFall({ flags, falls }) {
  const started = performance.now();
  const only = falls === null ? flags : [...flags, `ONLY=${falls}`];
  const found = await inFolder((folder) => search(only, { shortest: falls !== null, folder }));
  const ok = falls === null ? found.holds : found.broken === falls;
  const verdict = falls === null ? (ok ? "holds" : fallen(found)) : ok ? "caught" : `NOT CAUGHT: ${fallen(found)}`;
  return {
    ok,
    steps: [],
    cells: [falls === null ? "" : property(falls), count(found.states), seconds(started), verdict],
  };
}

function fallen({ holds, broken, output }) {
  if (holds) return "holds";
  if (broken !== null) return `FALLS: ${property(broken)}`;
  const why = /^(pan:.*|error:.*|.*not completed.*)$/m.exec(output)?.[0] ?? "no result";
  return `NOT DECIDED: ${why.trim()}`;
}

const property = (n) => `${n} ${PROPERTIES[n]}`;
const count = (n) => n.toLocaleString("en");
const seconds = (since) => ((performance.now() - since) / 1000).toFixed(1);

/** Runs all, a few at a time; answers come in order. */
async function* inOrder(jobs) {
  const running = [];
  const queue = [...jobs];
  const start = () => {
    const job = queue.shift();
    if (!job) return;
    const answer = job().finally(start);
    answer.catch(() => undefined); // thrown below, where it is awaited
    running.push(answer);
  };
  for (let n = 0; n < SIDE_BY_SIDE; n++) start();
  for (let n = 0; n < jobs.length; n++) yield await running[n];
}

function line(cells, widths) {
  const right = (cell) => /^[\d,.]+$/.test(cell) || cell === "states" || cell === "s";
  const padded = cells.map((cell, n) => (right(cell) ? cell.padStart(widths[n] ?? 0) : cell.padEnd(widths[n] ?? 0)));
  return padded.join("  ").trimEnd();
}

async function checkAll() {
  const started = performance.now();
  const tables = [
    { head: ["configuration"], widths: [34, 10, 5], items: CONFIGURATIONS, check: checkConfiguration },
    { head: ["mutant", "property"], widths: [38, 40, 10, 5], items: MUTANTS, check: checkFall },
    { head: ["without assumption", "property"], widths: [38, 40, 10, 5], items: ASSUMPTIONS, check: checkFall },
  ];
  const taken = new Map();
  const failures = [];
  const answers = inOrder(tables.flatMap(({ items, check }) => items.map((item) => () => check(item))));
  for (const { head, widths, items } of tables) {
    console.log(line([...head, "states", "s", "verdict"], widths));
    for (const { name, words } of items) {
      const { value } = await answers.next();
      for (const [step, wasTaken] of value.steps) taken.set(step, wasTaken || taken.get(step) === true);
      if (!value.ok) failures.push(name);
      const [first, ...rest] = value.cells;
      const verdict = words === undefined ? rest : [...rest.slice(0, -1), `${rest.at(-1)}: ${words}`];
      console.log(line([name, first, ...verdict], widths));
    }
    console.log();
  }
  const never = [...taken].filter(([, wasTaken]) => !wasTaken).map(([step]) => step);
  const rows = new Set([...taken.keys()].map((step) => Number(/\(row (\d+)\)/.exec(step)?.[1])));
  const missing = ROWS.filter((row) => !rows.has(row));
  if (never.length > 0) failures.push(`taken in no configuration: ${never.join(" | ")}`);
  if (missing.length > 0) failures.push(`rows that no step has: ${missing.join(", ")}`);
  if (never.length + missing.length === 0)
    console.log(`Each of the ${taken.size} steps of rows ${ROWS.join(" ")} was taken.`);
  const took = seconds(started);
  if (failures.length === 0) {
    console.log(`model: as expected, in ${took} s`);
    return 0;
  }
  console.log(`model: NOT as expected, in ${took} s: ${failures.join("; ")}`);
  return 1;
}

async function printTrail(name) {
  const all = [...MUTANTS, ...ASSUMPTIONS].filter(({ falls }) => falls !== null);
  const found = all.filter((item) => item.name === name);
  if (found.length === 0) {
    const names = [...new Set(all.map((item) => item.name))];
    console.log(`model: no counterexample is called "${name ?? ""}". There are: ${names.join(", ")}`);
    return 2;
  }
  for (const { flags, falls } of found) {
    await inFolder(async (folder) => {
      const only = [...flags, `ONLY=${falls}`];
      const { broken } = await search(only, { shortest: true, folder });
      console.log(`${name} (${flags.join(" ")}): ${broken === falls ? `breaks ${property(falls)}` : "NOT CAUGHT"}`);
      if (broken === falls) await replay(only, folder);
    });
  }
  return 0;
}

async function replay(flags, folder) {
  const trail = join(folder, "guard.pml.trail");
  await readFile(trail); // a clear error where there is none
  const { output } = await run("spin", ["-T", ...defines(flags), "-k", trail, MODEL], folder);
  const [story = "", end = ""] = output.split(/(?=spin: )/, 2);
  let number = 0;
  for (const step of story.split("\n").filter(Boolean)) console.log(`${String(++number).padStart(4)}  ${step}`);
  const last = /^\s+(state|fence|generation|mayHaveApplied|conflict|effects) = .*$/gm;
  console.log(
    `      then: ${[...output.slice(story.length).matchAll(last)].map(([found]) => found.trim()).join(", ")}`,
  );
  if (end === "") console.log(output);
}

async function main([option, name]) {
  if (option !== undefined && option !== "--trail") {
    console.log("usage: node model/check.mjs [--trail NAME]");
    return 2;
  }
  try {
    await run("spin", ["-V"]);
    await inFolder(async (folder) => {
      const { code } = await run("gcc", ["-include", "stdio.h", "-fsyntax-only", "-x", "c", "/dev/null"], folder);
      if (code !== 0) throw new ToolMissing(`model: gcc has no C library headers; ${install}`);
    });
    return option === "--trail" ? await printTrail(name) : await checkAll();
  } catch (error) {
    if (!(error instanceof ToolMissing)) throw error;
    console.log(error.message);
    return 3;
  }
}

process.exitCode = await main(process.argv.slice(2));
