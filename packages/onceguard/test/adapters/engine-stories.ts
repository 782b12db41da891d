import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Guard } from "../../src/pipeline/guard.ts";
import { type FlakyWorld, startFlakyWorld } from "../support/flaky-world.ts";
import type { StoreAddress } from "../support/guarded-worker.ts";
import { createStore } from "../support/test-stores.ts";
import { type Charge, openGuard, queueOf, SIDES, type Side, type WorkerOptions } from "./charging.ts";

/** One engine, as the stories need it. */
export interface EngineUnderTest {
  /** Its package, and where it keeps its jobs. */
  readonly engine: string;
  readonly address: string;
  /** Makes the queues of a story. */
  prepare?(queues: readonly string[]): Promise<void>;
  /** Adds a job that the engine tries so often at most. */
  add(queue: string, charge: Charge, attempts: number): Promise<string>;
  state(queue: string, id: string): Promise<"open" | "done" | "failed">;
  /** The result that the engine keeps; not asked of an engine without. */
  result?(queue: string, id: string): Promise<unknown>;
  /** Passes the time that the engine would take until it hands on the jobs of a worker that is not heard of any more. */
  lapse?(queue: string, id: string): Promise<void>;
  /** Passes the time until the next try. Called again and again. */
  hurry?(queue: string, id: string): Promise<void>;
  close(): Promise<void>;
}

export interface StoryOptions {
  /** Makes a worker process for one story: see WorkerOptions. */
  readonly program: URL;
  readonly open: () => Promise<EngineUnderTest | null>;
  /** Why it cannot be opened here. */
  readonly missing?: string;
  /** The stories that every version of the engine has to stand; the others need to be told only once. */
  readonly only?: readonly string[];
}

const RUN = Math.random().toString(36).slice(2, 8);

/**
 * What goes wrong between an engine and an effect, told of each engine in the same way: in processes that are killed or
 * stopped, before a world that keeps its own ledger, with and without the guard. The control shows that the story is real.
 */
export function engineStories(name: string, { program, open, missing, only }: StoryOptions): void {
  describe(name, () => {
    let engine: EngineUnderTest | null;
    let world: FlakyWorld;
    let store: { address: StoreAddress; remove(): Promise<void> };
    let guard: Guard;
    const workers: ChildProcess[] = [];

    beforeAll(async () => {
      engine = await open();
      if (engine === null) return;
      world = await startFlakyWorld();
      store = await createStore("sqlite");
      guard = await openGuard(store.address);
    });

    afterAll(async () => {
      for (const worker of workers) await end(worker, "SIGKILL");
      await engine?.close();
      await guard?.close();
      await world?.stop();
      await store?.remove();
    });

    async function startWorker(story: string, more: Partial<WorkerOptions> = {}): Promise<ChildProcess> {
      const { engine: pack, address } = engine as EngineUnderTest;
      const options: WorkerOptions = {
        engine: pack,
        address,
        story,
        world: world.port,
        store: store.address,
        ...more,
      };
      const stdio = ["ignore", "inherit", "inherit", "ipc"] as const;
      const child = fork(fileURLToPath(program), [JSON.stringify(options)], {
        execArgv: ["--disable-warning=DeprecationWarning"], // of what the engines use
        stdio: [...stdio],
      });
      workers.push(child);
      const [first] = await Promise.race([once(child, "message"), once(child, "exit")]);
      if (typeof first !== "object" || first === null) throw new Error(`the worker ended: ${first}`);
      return child;
    }

    /** One job per side, and what can be said of them. */
    async function jobs(
      story: string,
      sides: readonly Side[],
      faults: Parameters<FlakyWorld["plan"]>[1][],
      attempts = 10,
    ) {
      const made = [];
      for (const side of sides) {
        const queue = queueOf(story, side);
        const reference = `${RUN}-${queue}`;
        await world.plan(reference, ...faults);
        const id = await (engine as EngineUnderTest).add(queue, { reference, amount: 5 }, attempts);
        made.push(new Job(engine as EngineUnderTest, world, queue, reference, id));
      }
      return made as [Job, Job, ...Job[]];
    }

    const tell = (story: string, what: string, told: (story: string) => Promise<void>): void => {
      if (only && !only.includes(story)) return;
      it(what, async ({ skip }) => {
        if (engine === null) return skip(missing);
        await engine.prepare?.(SIDES.map((side) => queueOf(story, side)));
        await told(story);
      });
    };

    tell(
      "killed",
      "a worker killed in the middle of an effect: the next one finds out, and does not repeat it",
      async (story) => {
        const first = await startWorker(story);
        const [plain, guarded] = await jobs(story, ["plain", "guarded"], ["hold_reply"]);
        await Promise.all([plain.held(), guarded.held()]);
        await end(first, "SIGKILL");
        await Promise.all([plain.lapse(), guarded.lapse()]);
        const second = await startWorker(story);
        await Promise.all([plain.is("done"), guarded.is("done")]);
        oneOf(guarded, plain);
        await guarded.hasResultOfItsEffect();
        await end(second, "SIGTERM");
      },
    );

    tell("lapsed", "the engine gives a job to another worker while its effect is under way", async (story) => {
      const first = await startWorker(story);
      const [plain, guarded] = await jobs(story, ["plain", "guarded"], ["hold_reply"]);
      await Promise.all([plain.held(), guarded.held()]);
      first.kill("SIGSTOP"); // neither the engine nor the guard hears of it any more
      await Promise.all([plain.lapse(), guarded.lapse()]);
      const second = await startWorker(story);
      await Promise.all([plain.is("done"), guarded.is("done")]);
      first.kill("SIGCONT"); // and there it is again, with its answer
      await Promise.all([world.release(plain.reference), world.release(guarded.reference)]);
      await end(first, "SIGTERM");
      oneOf(guarded, plain);
      await Promise.all([plain.is("done"), guarded.is("done")]);
      await end(second, "SIGTERM");
    });

    tell(
      "unacknowledged",
      "a job that was finished, and is delivered again because nobody heard of it",
      async (story) => {
        const first = await startWorker(story, { diesAfter: 2 });
        const [plain, guarded] = await jobs(story, ["plain", "guarded"], []);
        await ended(first);
        expect([plain.effects(), guarded.effects()]).toEqual([1, 1]);
        await Promise.all([plain.lapse(), guarded.lapse()]);
        const second = await startWorker(story);
        await Promise.all([plain.is("done"), guarded.is("done")]);
        oneOf(guarded, plain);
        await guarded.hasResultOfItsEffect();
        await end(second, "SIGTERM");
      },
    );

    tell(
      "exhausted",
      "answers that get lost until no attempt is left; a refusal; and a person who decides",
      async (story) => {
        const worker = await startWorker(story);
        const [plain, guarded, unsettled] = await jobs(story, SIDES, ["lose_reply", "lose_reply", "lose_reply"], 3);
        await Promise.all([plain.is("failed"), guarded.is("done")]);
        expect([plain.effects(), guarded.effects()]).toEqual([3, 1]);

        // Nothing can be asked, so a person is. The job waits, and costs no attempts meanwhile.
        await expect.poll(() => reviewOf(unsettled as Job), PATIENTLY).toBe(1);
        await unsettled?.is("open");
        await decide(unsettled as Job);
        await unsettled?.is("done");
        expect(unsettled?.effects()).toBe(1);
        await end(worker, "SIGTERM");
      },
    );

    tell("refused", "a refusal is final at once, whatever attempts are left", async (story) => {
      const worker = await startWorker(story);
      const [plain, guarded] = await jobs(story, ["plain", "guarded"], ["reject", "reject", "reject"], 3);
      await Promise.all([plain.is("failed"), guarded.is("failed")]);
      expect(await Promise.all([plain.requests(), guarded.requests()])).toEqual([3, 1]);
      expect([plain.effects(), guarded.effects()]).toEqual([0, 0]);
      await end(worker, "SIGTERM");
    });

    /** An engine on a busy machine may also make three of it. */
    const oneOf = (guarded: Job, plain: Job): void => {
      expect(plain.effects(), "the control shows the duplicate").toBeGreaterThan(1);
      expect(guarded.effects()).toBe(1);
    };

    const reviewOf = async ({ reference }: Job) => (await reviews(reference)).length;
    const reviews = async (reference: string) =>
      (await guard.reviews()).filter((receipt) => receipt.payload?.includes(reference));

    async function decide({ reference }: Job): Promise<void> {
      const [receipt] = await reviews(reference);
      const by = { actor: "ana", reason: "the ledger has it" };
      await guard.resolve(receipt?.requestId ?? "", { decision: "happened", result: { number: 1 }, ...by });
    }
  });
}

const PATIENTLY = { timeout: 60_000, interval: 50 };

class Job {
  readonly reference: string;
  readonly #engine: EngineUnderTest;
  readonly #world: FlakyWorld;
  readonly #queue: string;
  readonly #id: string;

  constructor(engine: EngineUnderTest, world: FlakyWorld, queue: string, reference: string, id: string) {
    this.#engine = engine;
    this.#world = world;
    this.#queue = queue;
    this.reference = reference;
    this.#id = id;
  }

  held(): Promise<void> {
    return this.#world.holding(this.reference);
  }

  async lapse(): Promise<void> {
    await this.#engine.lapse?.(this.#queue, this.#id);
  }

  async is(state: "open" | "done" | "failed"): Promise<void> {
    const look = async () => {
      await this.#engine.hurry?.(this.#queue, this.#id);
      return this.#engine.state(this.#queue, this.#id);
    };
    await expect.poll(look, PATIENTLY).toBe(state);
  }

  effects(): number {
    return this.#world.effects(this.reference).length;
  }

  requests(): Promise<number> {
    return this.#world.requests(this.reference);
  }

  async hasResultOfItsEffect(): Promise<void> {
    if (!this.#engine.result) return;
    const [effect] = this.#world.effects(this.reference);
    expect(await this.#engine.result(this.#queue, this.#id)).toEqual({ number: effect?.number });
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
