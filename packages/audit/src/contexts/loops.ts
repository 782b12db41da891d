import { append, NONE } from "../facts/lists.ts";
import type { CallFact, Expr, FileFacts, FunctionFact, Region } from "../facts/model.ts";
import type { Contexts } from "./context.ts";

/** Not the end of entries, countries or registries. */
const TRIES = /(?<![A-Za-z])tries|Tries|(?<![A-Za-z])TRIES/;
const COUNTER = new RegExp(`[Aa]ttempt|ATTEMPT|[Rr]etr(?:y|ies)|RETR(?:Y|IES)|[Bb]ackoff|BACKOFF|${TRIES.source}`);
const LIMIT = /max_?(?:attempts|retries|tries)|retr(?:y|ies)|attempts/i;

/** Hand-written retries: loops that go on after a failure, and functions that call themselves again. */
export function addLoops(contexts: Contexts, file: FileFacts): void {
  for (const [region, calls] of loopsOf(file)) {
    if (!isRetryLoop(region, calls)) continue;
    contexts.add({
      family: "loop:handwritten",
      region,
      at: { fn: region.fn, pos: region.start },
      label: "",
      attempts: limitOf(region),
    });
  }
  for (const call of file.calls) {
    const fn = functionAround(call);
    if (fn && triesAgain(call, fn))
      contexts.add({ family: "loop:recursive", fn, at: { fn, pos: call.pos }, label: fn.name });
  }
}

/** The loops that call anything, with their calls. */
function loopsOf(file: FileFacts): Map<Region, CallFact[]> {
  const loops = new Map<Region, CallFact[]>();
  for (const call of file.calls)
    for (let at: Region | null = call.region; at; at = at.parent)
      if (at.kind === "loop") loops.set(at, append(loops.get(at) ?? NONE, call));
  return loops;
}

/**
 * A loop over items is not a retry. One that counts attempts is, and so is one whose body fails into a catch that lets
 * the loop go on.
 */
function isRetryLoop(region: Region, calls: readonly CallFact[]): boolean {
  const loop = region.loop as NonNullable<Region["loop"]>;
  if (loop.type === "of" || loop.type === "in") return loop.over !== null && mentions(loop.over, COUNTER);
  const counts = loop.test !== null && mentions(loop.test, COUNTER);
  const tries = calls.flatMap((one) => triesThatGoOn(one.region, region));
  if (tries.length > 0 && tries.every((one) => onlyHarmless(one))) return false;
  if (counts) return tries.length > 0 || leavesEarly(region);
  // `while (true) { try { return await x() } catch { await sleep() } }`
  return tries.some((one) => leavesOnSuccess(region, one)) && !walksPages(loop) && !readsOn(region);
}

function mentions(expr: Expr, pattern: RegExp): boolean {
  switch (expr.k) {
    case "ref":
      return pattern.test(expr.b.name);
    case "global":
      return pattern.test(expr.name);
    case "member":
      return pattern.test(expr.p) || mentions(expr.o, pattern);
    case "op":
    case "array":
    case "template":
      return expr.e.some((one) => mentions(one, pattern));
    case "either":
      return expr.e.some((one) => mentions(one, pattern));
    default:
      return false;
  }
}

/** `while (cursor)`, `while (hasMore)`: page after page, not again and again. */
function walksPages(loop: NonNullable<Region["loop"]>): boolean {
  return loop.test !== null && mentions(loop.test, /cursor|page|hasMore|hasNext|next|offset|token|queue|length|done/i);
}

/** `const { done, value } = await reader.read(); if (done) break;`: one piece after the other, not again and again. */
function readsOn(loop: Region): boolean {
  return loop.fn.exits.some((one) => {
    if ((one.kind !== "break" && one.kind !== "return") || !within(one.region, loop)) return false;
    const { test } = one.region;
    return test !== null && mentions(test, /^done$|cursor|has_?more|has_?next|next_?page|page_?token|^eof$/i);
  });
}

export function within(inner: Region, outer: Region): boolean {
  for (let at: Region | null = inner; at; at = at.parent) if (at === outer) return true;
  return false;
}

/** The tries of the loop around a place whose catch does not always leave it. */
function triesThatGoOn(from: Region, loop: Region): Region[] {
  const found: Region[] = [];
  for (let at: Region | null = from; at && at !== loop; at = at.parent) {
    const handler = at.kind === "try" ? at.handler : null;
    if (!handler) continue;
    const leaves = handler.fn.exits.some((one) => one.region === handler && one.kind !== "continue");
    // `catch (error) { if (isTransient(error)) continue; throw error; }`
    if (!leaves || continuesOf(handler, loop).length > 0) found.push(at);
  }
  return found;
}

/** Where a catch goes on with the loop, and not with one inside of it. */
function continuesOf(handler: Region, loop: Region): Region[] {
  return handler.fn.exits.flatMap((one) => {
    if (one.kind !== "continue" || !within(one.region, handler)) return [];
    for (let at: Region | null = one.region; at && at !== loop; at = at.parent) if (at.kind === "loop") return [];
    return [one.region];
  });
}

/**
 * `if (method === "GET") continue; throw error;`, `if (status !== 429) throw error;`: tried again is what only reads, or what
 * was refused before anything happened.
 */
function onlyHarmless({ handler }: Region): boolean {
  if (!handler) return false;
  const exits = handler.fn.exits.filter((one) => within(one.region, handler));
  const ways = exits.filter((one) => one.kind === "continue");
  if (ways.length > 0 && exits.some((one) => one.region === handler && one.kind === "throw"))
    return ways.every((one) => testsIn(one.region, handler).some((test) => isHarmless(test, true)));
  return exits.some(
    (one) =>
      one.kind === "throw" &&
      one.region.parent === handler &&
      testsIn(one.region, handler).some((test) => isHarmless(test, false)),
  );
}

/** The conditions of a branch that hold in it. */
function testsIn(from: Region, handler: Region): Expr[] {
  const tests: Expr[] = [];
  for (let at: Region | null = from; at && at !== handler; at = at.parent)
    if (at.kind === "then" && at.test) tests.push(at.test);
  return tests;
}

const HARMLESS = /^(?:is_?)?(?:get|read|read_?only|safe|idempotent|rate_?limit|throttl|too_?many)\w*$/i;

/** Holds only for what is harmless to try again; or, not `wanted`, holds for everything else. */
function isHarmless(test: Expr, wanted: boolean): boolean {
  if (test.k === "either") {
    const some = (test.op === "&&") === wanted;
    return some ? test.e.some((one) => isHarmless(one, wanted)) : test.e.every((one) => isHarmless(one, wanted));
  }
  if (test.k === "op" && test.op === "!") return test.e[0] !== undefined && isHarmless(test.e[0], !wanted);
  if (test.k === "op" && test.e.length === 2) {
    if (!(wanted ? ["===", "=="] : ["!==", "!="]).includes(test.op)) return false;
    return test.e.some((one) => one.k === "lit" && /^(?:get|head|429)$/i.test(String(one.v)));
  }
  const name = test.k === "ref" ? test.b.name : test.k === "call" ? nameOf(test.c.callee) : nameOf(test);
  return wanted && HARMLESS.test(name);
}

function nameOf(expr: Expr): string {
  return expr.k === "member" ? expr.p : expr.k === "ref" ? expr.b.name : expr.k === "global" ? expr.name : "";
}

function leavesEarly(loop: Region): boolean {
  return loop.fn.exits.some((one) => one.kind !== "continue" && within(one.region, loop));
}

/** An exit before the try is what ends a worker that takes one item after the other. */
function leavesOnSuccess(loop: Region, attempt: Region): boolean {
  return loop.fn.exits.some(
    (one) =>
      (one.kind === "return" || one.kind === "break") &&
      one.pos >= attempt.start &&
      within(one.region, loop) &&
      !inCatch(one.region, loop),
  );
}

function inCatch(from: Region, loop: Region): boolean {
  for (let at: Region | null = from; at && at !== loop; at = at.parent) if (at.kind === "catch") return true;
  return false;
}

/** `attempt < 3`, or Infinity when the loop has no end of its own. */
function limitOf(region: Region): number | null {
  const test = region.loop?.test ?? null;
  if (test === null || (test.k === "lit" && test.v === true))
    return hasLimitInside(region) ? null : Number.POSITIVE_INFINITY;
  if (test.k !== "op") return null;
  for (const one of test.e) {
    const source = one.k === "ref" && one.b.sources.length === 1 ? one.b.sources[0] : one;
    if (source?.k === "lit" && typeof source.v === "number") return source.v;
  }
  return null;
}

function hasLimitInside(region: Region): boolean {
  return region.fn.exits.some((one) => {
    if (!within(one.region, region)) return false;
    for (let at: Region | null = one.region; at && at !== region; at = at.parent)
      if (at.test && mentions(at.test, LIMIT)) return true;
    return false;
  });
}

/** The function that a call stands in, if it is the one that is called. */
function functionAround({ callee, fn }: CallFact): FunctionFact | null {
  const isOwnMethod = callee.k === "member" && callee.o.k === "this";
  if (callee.k !== "ref" && !isOwnMethod) return null;
  for (let at: FunctionFact | null = fn; at; at = at.parent)
    if (isOwnMethod ? at.cls?.methods[callee.p] === at : isNamedBy(at, callee)) return at;
  return null;
}

function isNamedBy(fn: FunctionFact, callee: Expr): boolean {
  return callee.k === "ref" && callee.b.sources.some((one) => one.k === "function" && one.f === fn);
}

/** Calls itself out of a catch, or with a counter of attempts. */
function triesAgain(call: CallFact, fn: FunctionFact): boolean {
  const counts =
    call.args.some((one) => mentions(one, COUNTER) && one.k === "op") || call.args.some((one) => countsInside(one));
  return counts || (inCatchOf(call, fn) && !mentionsPages(call));
}

function countsInside(expr: Expr): boolean {
  return expr.k === "object" && expr.props.some((one) => COUNTER.test(one.key) && one.value.k === "op");
}

function inCatchOf(call: CallFact, fn: FunctionFact): boolean {
  for (let at: Region | null = call.region; at; at = at.parent) if (at.kind === "catch") return true;
  // `.catch(() => again())`
  return (
    call.fn !== fn &&
    call.fn.parent === fn &&
    call.fn.file.calls.some(
      (one) =>
        one.callee.k === "member" &&
        one.callee.p === "catch" &&
        one.args.some((arg) => arg.k === "function" && arg.f === call.fn),
    )
  );
}

function mentionsPages(call: CallFact): boolean {
  return call.args.some((one) => mentions(one, /cursor|page|offset/i));
}
