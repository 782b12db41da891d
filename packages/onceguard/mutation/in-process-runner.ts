// A test runner for Stryker that loads the tests once and then only flips the mutant. The vitest runner imports every
// module again for each mutant, a second each time; here a mutant costs what its tests cost, a few milliseconds.
import { globSync } from "node:fs";
import { registerHooks } from "node:module";
import { basename, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { INSTRUMENTER_CONSTANTS, type StrykerOptions } from "@stryker-mutator/api/core";
import { commonTokens, declareFactoryPlugin, PluginKind, tokens } from "@stryker-mutator/api/plugin";
import {
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  type TestRunnerCapabilities,
  TestStatus,
  toMutantRunResult,
} from "@stryker-mutator/api/test-runner";
import { allTests, beginFile, forgetTests, type RegisteredTest, runTest } from "./vitest-in-process.ts";

interface TestFiles {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What the instrumented code reads and counts. */
interface Instruments {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: NonNullable<Extract<DryRunResult, { mutantCoverage?: unknown }>["mutantCoverage"]>;
}

const VITEST = new URL("./vitest-in-process.ts", import.meta.url).href;
const SANDBOX = pathToFileURL(`${process.cwd()}/`).href;
/** In the URLs of the sandbox: modules of another load are other modules. */
let loads = 0;
registerHooks({
  resolve: (specifier, context, next) => {
    if (specifier === "vitest" && context.parentURL !== VITEST) return { url: VITEST, shortCircuit: true };
    const resolved = next(specifier, context);
    return resolved.url.startsWith(SANDBOX) ? { ...resolved, url: `${resolved.url}?load=${loads}` } : resolved;
  },
});

class InProcessRunner implements TestRunner {
  readonly #files: TestFiles;
  readonly #instruments: Instruments;

  constructor(files: TestFiles, instruments: Instruments) {
    this.#files = files;
    this.#instruments = instruments;
  }

  /** For a mutant that works while modules load, everything is loaded again. */
  capabilities(): TestRunnerCapabilities {
    return { reloadEnvironment: true };
  }

  init(): Promise<void> {
    return this.#load(this.#testFiles());
  }

  async dryRun(): Promise<DryRunResult> {
    const tests = await this.#run(allTests(), false);
    const { mutantCoverage } = this.#instruments;
    return { status: DryRunStatus.Complete, tests, ...(mutantCoverage === undefined ? {} : { mutantCoverage }) };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const { activeMutant, hitLimit, mutantActivation, reloadEnvironment, testFilter } = options;
    const isStatic = mutantActivation === "static";
    const instruments = this.#instruments;
    instruments.activeMutant = isStatic ? activeMutant.id : undefined;
    instruments.hitCount = 0;
    instruments.hitLimit = hitLimit;
    const near = basename(options.sandboxFileName, ".ts");
    const files = this.#testFiles().toSorted((a, b) => distance(a, near) - distance(b, near));
    const results: TestResult[] = [];
    // The first failure ends a run, so the tests that are named after the mutated file come first.
    for (const group of isStatic ? [files.filter((file) => distance(file, near) === 0), files] : [files]) {
      try {
        if (isStatic || reloadEnvironment) await this.#load(group);
      } catch (error) {
        results.push({ id: "load", name: "load", timeSpentMs: 0, ...failedWith(`the code does not load: ${error}`) });
        break;
      }
      instruments.activeMutant = activeMutant.id;
      const wanted = allTests().filter(({ id }) => !testFilter || testFilter.includes(id));
      results.push(
        ...(await this.#run(
          wanted.toSorted((a, b) => distance(a.file, near) - distance(b.file, near)),
          true,
        )),
      );
      if (results.some(({ status }) => status === TestStatus.Failed)) break;
    }
    const limit = determineHitLimitReached(instruments.hitCount, hitLimit);
    return toMutantRunResult(limit ?? { status: DryRunStatus.Complete, tests: results });
  }

  #testFiles(): string[] {
    const { include, exclude } = this.#files;
    return globSync([...include])
      .filter((file) => !exclude.includes(file))
      .sort();
  }

  async #load(files: readonly string[]): Promise<void> {
    loads += 1;
    forgetTests();
    for (const file of files) {
      beginFile(file);
      await import(pathToFileURL(resolve(file)).href);
    }
  }

  async #run(tests: readonly RegisteredTest[], bail: boolean): Promise<TestResult[]> {
    const results: TestResult[] = [];
    let stray: unknown;
    const onStray = (error: unknown): void => {
      stray = error;
    };
    process.on("unhandledRejection", onStray).on("uncaughtException", onStray);
    for (const test of tests) {
      this.#instruments.currentTestId = test.id;
      const began = performance.now();
      const hopeless = untilHopeless();
      let error = await Promise.race([runTest(test), hopeless.error]);
      hopeless.stop();
      await turn(); // what nobody has caught is reported by now
      error ??= stray;
      stray = undefined;
      const timeSpentMs = performance.now() - began;
      const about = { id: test.id, name: test.name, fileName: resolve(test.file), timeSpentMs };
      const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
      results.push(
        error === undefined ? { ...about, status: TestStatus.Success } : { ...about, ...failedWith(message) },
      );
      // It goes on behind the next mutants' backs: this process is at its end. Stryker starts another one.
      if (error instanceof Spinning) setTimeout(() => process.exit(), 200);
      if (error !== undefined && bail) break;
    }
    process.off("unhandledRejection", onStray).off("uncaughtException", onStray);
    this.#instruments.currentTestId = undefined;
    return results;
  }
}

/** Most CPU time of one test, in ms: far more than any of them needs, however slow the machine. */
const LONGEST_CPU_MS = 2_000;

/** Seconds in which the event loop had nothing to do: longer than any of the tests waits for anything real. */
const LONGEST_STILLNESS = 4;

/**
 * Resolves when a test will not end: it waits for something that does not come, or goes round in circles. Not by the wall
 * clock: a busy machine would kill mutants that no test notices. What never yields, Stryker ends.
 */
function untilHopeless(): { readonly error: Promise<Error>; readonly stop: () => void } {
  const { promise: error, resolve: end } = Promise.withResolvers<Error>();
  const before = process.cpuUsage();
  let last = performance.eventLoopUtilization();
  let still = 0;
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    still = performance.eventLoopUtilization(now, last).utilization < 0.02 ? still + 1 : 0;
    last = now;
    if (still === LONGEST_STILLNESS) end(new Error("the test waits for something that does not come"));
    if (process.cpuUsage(before).user > LONGEST_CPU_MS * 1_000) end(new Spinning("the test goes round in circles"));
  }, 1_000);
  return { error, stop: () => clearInterval(timer) };
}

class Spinning extends Error {}

function distance(testFile: string, name: string): number {
  return basename(testFile).startsWith(name) ? 0 : 1;
}

function failedWith(failureMessage: string) {
  return { status: TestStatus.Failed, failureMessage } as const;
}

function create(options: StrykerOptions): InProcessRunner {
  const shared = globalThis as unknown as Record<string, Instruments>;
  shared[INSTRUMENTER_CONSTANTS.NAMESPACE] ??= {};
  return new InProcessRunner(options.inProcess as TestFiles, shared[INSTRUMENTER_CONSTANTS.NAMESPACE] as Instruments);
}
create.inject = tokens(commonTokens.options);

export const strykerPlugins: readonly unknown[] = [declareFactoryPlugin(PluginKind.TestRunner, "in-process", create)];

const FILES = { type: "array", items: { type: "string" } };
export const strykerValidationSchema: object = {
  properties: { inProcess: { type: "object", properties: { include: FILES, exclude: FILES } } },
};
