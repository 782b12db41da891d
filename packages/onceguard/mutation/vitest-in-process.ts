// What the tests import as "vitest" while Stryker runs them: vitest's own expect and vi, over a list of tests that can be
// run again and again in one process.
import { format } from "node:util";
import { chai, expect, vi } from "vitest";

export { expectTypeOf } from "vitest";
export { expect, vi };

type Body = (...values: never[]) => unknown;

interface Suite {
  readonly name: string;
  readonly parent: Suite | null;
  readonly around: Readonly<Record<"beforeAll" | "beforeEach" | "afterEach" | "afterAll", (() => unknown)[]>>;
}

export interface RegisteredTest {
  /** Unique, and the same in every process. */
  readonly id: string;
  readonly name: string;
  readonly file: string;
  readonly suite: Suite;
  readonly body: () => unknown;
}

const tests: RegisteredTest[] = [];
const ids = new Map<string, number>();
let file = "";
let suite: Suite = suiteOf("", null);

function suiteOf(name: string, parent: Suite | null): Suite {
  return { name, parent, around: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] } };
}

export function beginFile(path: string): void {
  file = path;
  suite = suiteOf("", null);
}

export function forgetTests(): void {
  tests.length = 0;
  ids.clear();
}

export function allTests(): readonly RegisteredTest[] {
  return tests;
}

/** What went wrong; undefined when nothing did. */
export async function runTest({ suite, body }: RegisteredTest): Promise<unknown> {
  const suites: Suite[] = [];
  for (let one: Suite | null = suite; one; one = one.parent) suites.unshift(one);
  const hooks = (when: keyof Suite["around"]) => suites.flatMap(({ around }) => around[when]);
  let failure: unknown;
  const attempt = async (step: () => unknown): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failure ??= error ?? new Error("thrown: nothing");
    }
  };
  for (const hook of [...hooks("beforeAll"), ...hooks("beforeEach")]) await attempt(hook);
  if (failure === undefined) await attempt(body);
  for (const hook of [...hooks("afterEach"), ...hooks("afterAll")]) await attempt(hook);
  vi.restoreAllMocks();
  return failure;
}

/** `(name, body)`, `(name, options, body)` or `(name, body, timeout)`: Stryker has its own time limits. */
function bodyOf(given: readonly unknown[]): Body {
  return given.find((one) => typeof one === "function") as Body;
}

function register(name: string, ...given: readonly unknown[]): void {
  const path = [name];
  for (let one: Suite | null = suite; one; one = one.parent) if (one.name !== "") path.unshift(one.name);
  const full = path.join(" > ");
  const base = `${file} > ${full}`;
  const n = (ids.get(base) ?? 0) + 1;
  ids.set(base, n);
  const body = bodyOf(given) as () => unknown;
  tests.push({ id: n === 1 ? base : `${base} (${n})`, name: full, file, suite, body });
}

function group(name: string, ...given: readonly unknown[]): void {
  const outer = suite;
  suite = suiteOf(name, outer);
  (bodyOf(given) as () => void)();
  suite = outer;
}

/** `.each`: one test or suite per row. */
function each(add: (name: string, body: () => unknown) => void) {
  return (rows: readonly unknown[]) =>
    (name: string, ...given: readonly unknown[]): void => {
      const body = bodyOf(given) as (...values: unknown[]) => unknown;
      const spread = rows.every((row) => Array.isArray(row));
      for (const row of rows) {
        const values = spread ? (row as readonly unknown[]) : [row];
        const holes = name.match(/%[sdifjo]/g)?.length ?? 0;
        add(format(name, ...values.slice(0, holes)), () => body(...values));
      }
    };
}

export const test: typeof register & { each: ReturnType<typeof each> } = Object.assign(register, {
  each: each(register),
});
export const it: typeof test = test;
export const describe: typeof group & { each: ReturnType<typeof each> } = Object.assign(group, { each: each(group) });

const hook =
  (when: keyof Suite["around"]) =>
  (run: () => unknown): void => {
    suite.around[when].push(run);
  };
type Hook = ReturnType<typeof hook>;
export const beforeAll: Hook = hook("beforeAll");
export const beforeEach: Hook = hook("beforeEach");
export const afterEach: Hook = hook("afterEach");
export const afterAll: Hook = hook("afterAll");

// These need to know which test vitest runs.
Object.defineProperty(chai.Assertion.prototype, "toMatchInlineSnapshot", { value: () => undefined });
vi.waitFor = ((look: () => unknown, options?: Patience) => passing(look, options)) as typeof vi.waitFor;
expect.poll = ((look: () => unknown, options?: Patience) =>
  new Proxy({} as Matchers, {
    get:
      (_, matcher: string) =>
      (...expected: unknown[]) =>
        passing(async () => (expect(await look()) as unknown as Matchers)[matcher]?.(...expected), options),
  })) as unknown as typeof expect.poll;

type Matchers = Record<string, (...expected: unknown[]) => unknown>;
type Patience = { readonly timeout?: number; readonly interval?: number } | number;

/** Until it no longer throws. */
async function passing(look: () => unknown, patience: Patience = {}): Promise<unknown> {
  const { timeout = 1_000, interval = 50 } = typeof patience === "number" ? { timeout: patience } : patience;
  const end = Date.now() + timeout;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, interval));
    }
  }
}
