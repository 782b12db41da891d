import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { NewLogEntry } from "../core/ports.ts";
import { memoryStore } from "../stores/memory/memory-store.ts";
import { type Anchor, callbackAnchor, fileAnchor, gitAnchor, httpAnchor, objectAnchor } from "./anchor.ts";
import { anchoredNotes } from "./anchored-notes.ts";
import { newKey } from "./keys.ts";
import { readSealedLog } from "./sealed-log.ts";
import { openSealer } from "./sealer.ts";
import { verifyLog } from "./verify-log.ts";

// Anchors where they really are: a git work tree, and a witness that listens on a port. What they keep has to verify.

const ORIGIN = "onceguard.example/anchors";
const KEY = newKey(0);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onceguard-anchor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
});

const line = (n: number): NewLogEntry => ({
  tenant: "acme",
  requestId: `r${n}`,
  event: "claim",
  action: "pay",
  recordId: null,
  runId: null,
  actor: null,
  hostScope: null,
  hostCallId: null,
  traceId: null,
  cause: "first",
  state: "running",
  version: 1,
  fencingToken: 1,
  attemptNumber: 1,
  before: null,
  after: null,
  detail: null,
});

/** A log that grows by so many lines and is sealed, again and again. */
async function sealing(...anchors: readonly Anchor[]) {
  const store = memoryStore();
  const errors: string[] = [];
  const sealer = await openSealer({
    store,
    folder: join(folder, "sealed"),
    origin: ORIGIN,
    keys: [KEY],
    anchors,
    onAnchorError: (name, error) => errors.push(`${name}: ${(error as Error).message}`),
  });
  onTestFinished(sealer.close);
  let lines = 0;
  const seal = async (more: number): Promise<string> => {
    for (let n = 0; n < more; n++) await store.append(line(lines++));
    return (await sealer.seal()).checkpoint ?? "";
  };
  const verdict = (kept: readonly string[]) =>
    verifyLog({ log: readSealedLog(join(folder, "sealed")), origin: ORIGIN, keys: [KEY], anchors: kept });
  return { seal, errors, verdict };
}

// ---- git

function workTree(): { tree: string; git: (...args: string[]) => string } {
  const tree = join(folder, "tree");
  mkdirSync(tree);
  const git = (...args: string[]) => execFileSync("git", ["-C", tree, ...args], { encoding: "utf8" });
  git("init", "--quiet", "--initial-branch", "main");
  return { tree, git };
}

test("git: every checkpoint is a commit, and each of them verifies", async () => {
  const { tree, git } = workTree();
  const { seal, errors, verdict } = await sealing(gitAnchor(tree));
  const notes = [await seal(2), await seal(3), await seal(1)];
  expect(errors).toEqual([]);
  const commits = git("log", "--reverse", "--format=%H").trim().split("\n");
  const kept = commits.map((commit) => git("show", `${commit}:checkpoint`));
  expect(kept).toEqual(notes);
  expect(git("log", "--reverse", "--format=%s %an")).toBe(
    "checkpoint 2 onceguard\ncheckpoint 5 onceguard\ncheckpoint 6 onceguard\n",
  );
  expect(git("status", "--porcelain")).toBe("");
  expect(await verdict(kept)).toMatchObject({ problems: [], anchored: 6 });
  expect(anchoredNotes(join(tree, "checkpoint"))()).toEqual([notes[2]]);
});

test("git: another history does not fit what was committed", async () => {
  const { tree, git } = workTree();
  const { seal, verdict } = await sealing(gitAnchor(tree));
  await seal(2);
  const path = join(folder, "sealed", "leaves");
  writeFileSync(path, readFileSync(path, "utf8").replace('"r1"', '"rX"'));
  const { problems } = await verdict([git("show", "HEAD:checkpoint")]);
  expect(problems.map(({ code }) => code)).toContain("anchor_differs");
});

test("git: what else lies about in the work tree is not committed, and the same note again is", async () => {
  const { tree, git } = workTree();
  writeFileSync(join(tree, "staged"), "mine");
  writeFileSync(join(tree, "untracked"), "mine");
  git("add", "staged");
  const anchor = gitAnchor(tree, "log-a");
  const note = `${ORIGIN}\n7\nroot\n\nsignature\n`;
  await anchor.anchor(note);
  await anchor.anchor(note);
  expect(git("log", "--format=%s")).toBe("checkpoint 7\ncheckpoint 7\n");
  expect(git("ls-tree", "--name-only", "HEAD")).toBe("log-a\n");
  expect(git("show", "HEAD:log-a")).toBe(note);
  expect(git("status", "--porcelain")).toBe("A  staged\n?? untracked\n");
});

test("git: a folder that is no work tree is an error of the anchor, and sealing goes on", async () => {
  mkdirSync(join(folder, "plain"));
  const { seal, errors, verdict } = await sealing(gitAnchor(join(folder, "plain")));
  expect(await seal(2)).not.toBe("");
  expect(errors).toEqual([expect.stringMatching(/^git .*plain: .*git/s)]);
  expect(await verdict([])).toMatchObject({ problems: [], checkpointed: 2, anchored: 0 });
});

// ---- object storage

test("object storage gets each checkpoint under a name of its own, in the log's order, and what it keeps verifies", async () => {
  const objects = new Map<string, string>();
  let isAway = false;
  const put = async (key: string, body: string) => {
    if (isAway) throw new Error("503 SlowDown");
    objects.set(key, body);
  };
  const { seal, errors, verdict } = await sealing(objectAnchor({ put }, "acme/"));
  const first = await seal(2);
  isAway = true;
  await seal(8);
  expect(errors).toEqual(["object storage acme/: 503 SlowDown"]);
  isAway = false;
  const last = await seal(1);
  const names = [...objects.keys()].sort();
  expect(names).toEqual([
    expect.stringMatching(/^acme\/000000000002-[0-9a-f]{8}\.txt$/),
    expect.stringMatching(/^acme\/000000000011-[0-9a-f]{8}\.txt$/),
  ]);
  expect(names.map((name) => objects.get(name))).toEqual([first, last]);
  expect(await verdict([...objects.values()])).toMatchObject({ problems: [], anchored: 11 });
});

// ---- a witness

interface Witness {
  readonly url: string;
  readonly posted: {
    readonly method: string;
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }[];
  answer: number;
}

async function witness(): Promise<Witness> {
  const posted: Witness["posted"] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    posted.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers, body });
    response.writeHead(found.answer).end("thanks");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const found = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/add?key=secret`,
    posted,
    answer: 201,
  };
  return found;
}

test("a witness is posted every checkpoint as it was signed, and what it keeps verifies", async () => {
  const there = await witness();
  const { seal, errors, verdict } = await sealing(httpAnchor(there.url));
  const notes = [await seal(2), await seal(3)];
  expect(errors).toEqual([]);
  expect(there.posted.map(({ body }) => body)).toEqual(notes);
  expect(there.posted[0]).toMatchObject({
    method: "POST",
    path: "/add?key=secret",
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
  expect(await verdict(there.posted.map(({ body }) => body))).toMatchObject({ problems: [], anchored: 5 });
});

test("a witness that refuses, or is away, gets the next checkpoint, which covers the one it has missed", async () => {
  const there = await witness();
  const { seal, errors, verdict } = await sealing(httpAnchor(there.url));
  there.answer = 503;
  await seal(2);
  expect(errors).toEqual([expect.stringContaining("answered 503")]);
  there.answer = 200;
  await seal(1);
  expect(errors).toHaveLength(1);
  expect(await verdict(there.posted.slice(1).map(({ body }) => body))).toMatchObject({ problems: [], anchored: 3 });
});

test("a witness that was away for the last checkpoint gets it by the next pass, with nothing new to seal; and only it", async () => {
  const there = await witness();
  const path = join(folder, "anchors");
  const { seal, errors } = await sealing(fileAnchor(path), httpAnchor(there.url));
  there.answer = 503;
  const note = await seal(2);
  expect(await seal(0)).toBe("");
  there.answer = 200;
  expect(await seal(0)).toBe("");
  expect(await seal(0)).toBe("");
  expect(errors).toHaveLength(2);
  expect(there.posted.map(({ body }) => body)).toEqual([note, note, note]);
  expect(anchoredNotes(path)()).toEqual([note]);
});

test("a witness that nobody is at is told by name, without what its address carries", async () => {
  const { seal, errors } = await sealing(httpAnchor("http://user:password@127.0.0.1:1/add?key=secret"));
  expect(await seal(1)).not.toBe("");
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatch(/^http 127\.0\.0\.1:1: /);
  expect(errors[0]).not.toMatch(/secret|password/);
});

test("a user and a password in the address are for the witness alone", async () => {
  const there = await witness();
  await httpAnchor(there.url.replace("//", "//user:p%40ss@")).anchor("note");
  const expected = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
  expect(there.posted[0]).toMatchObject({ body: "note", headers: { authorization: expected } });
});

test("what is no 2xx is no place where a checkpoint is kept", async () => {
  const there = await witness();
  there.answer = 304;
  await expect(httpAnchor(there.url).anchor("note")).rejects.toThrow("answered 304");
});

// ---- the others

test("a file gets one line per checkpoint; a callback the note itself, and its error is the anchor's", async () => {
  const path = join(folder, "anchors");
  const given: string[] = [];
  const { seal, verdict } = await sealing(fileAnchor(path));
  const notes = [await seal(1), await seal(1)];
  expect(anchoredNotes(path)()).toEqual(notes);
  expect(await verdict(anchoredNotes(path)())).toMatchObject({ problems: [], anchored: 2 });
  await callbackAnchor("notary", async (note) => void given.push(note)).anchor("note");
  expect(given).toEqual(["note"]);
});

test("one anchor that fails keeps no other from being told", async () => {
  const path = join(folder, "anchors");
  const broken = callbackAnchor("broken", () => Promise.reject(new Error("no")));
  const { seal, errors } = await sealing(broken, fileAnchor(path));
  const note = await seal(1);
  expect(errors).toEqual(["broken: no"]);
  expect(anchoredNotes(path)()).toEqual([note]);
});
