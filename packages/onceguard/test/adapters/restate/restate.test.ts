import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { type Fault, type FlakyWorld, startFlakyWorld } from "../../support/flaky-world.ts";
import { freePort } from "../../support/server-process.ts";
import { type EngineWorker, forkWorker } from "../engine-workers/fork-worker.ts";
import { decide } from "../engine-workers/person.ts";
import { until } from "../engine-workers/until.ts";
import { type RestateServer, startRestateServer } from "./restate-server.ts";
import type { RestateServiceOptions } from "./restate-service-process.ts";

// Restate's own server, and services in processes that are killed. The ledger of the world judges. Each story is told
// twice: guarded, and with a plain `ctx.run`.

let world: FlakyWorld;
let restate: RestateServer;
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "onceguard-restate-test-"));
  [world, restate] = await Promise.all([startFlakyWorld(), startRestateServer()]);
});

afterAll(async () => {
  await Promise.all([world.stop(), restate.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

type Told = Omit<RestateServiceOptions, "world" | "store" | "port" | "service">;

/** A story's own service, and its payment. */
async function story(test: TestContext, name: string, options: Told, ...faults: Fault[]) {
  const reference = `${name}_${options.guarded ? "guarded" : "control"}`;
  const store = join(dir, `${reference}.db`);
  const port = await freePort();
  const start = async (): Promise<EngineWorker> => {
    const about: RestateServiceOptions = { ...options, world: world.port, store, port, service: reference };
    const service = await forkWorker(new URL("./restate-service-process.ts", import.meta.url), about);
    test.onTestFinished(service.stop);
    return service;
  };
  await world.plan(reference, ...faults);
  const service = await start();
  await restate.register(port);
  const call = (handler: string, key = reference) =>
    restate.call(`${reference}/${handler}`, { reference, amount: 500 }, key);
  return { reference, store, service, start, call };
}

const SIDES = [
  [true, 1],
  [false, 2],
] as const;

describe.concurrent.each(SIDES)("guarded: %s, so that Restate pays %s time(s)", (guarded, times) => {
  it("when the service is killed in the middle", async (test) => {
    const { reference, service, start, call } = await story(test, "killed", { guarded, probe: true }, "hold_reply");
    const called = call("pay");
    await world.holding(reference);
    await service.kill("SIGKILL");
    await start();
    expect(await called).toMatchObject({ status: 200, answer: { reference, amount: 500 } });
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when Restate gives an attempt up that is still paying", async (test) => {
    const { reference, service, call } = await story(test, "lapsed", { guarded }, "hold_reply");
    const called = call("hurried");
    await world.holding(reference);
    await until("there is another attempt", async () => (await service.ask<number>("attempts")) > 1);
    await world.release(reference);
    expect(await called).toMatchObject({ status: 200, answer: { reference } });
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when it is called again after Restate has forgotten the call", async (test) => {
    const { reference, call } = await story(test, "forgotten", { guarded, nameless: true });
    await call("pay");
    const { id } = (await restate.invocation(reference)) as { id: string };
    await restate.tell(id, "purge");
    await until("it is forgotten", async () => (await restate.invocation(reference)) === undefined);
    expect(await call("pay")).toMatchObject({ status: 200, answer: { reference } });
    expect(world.effects(reference)).toHaveLength(times);
  });

  it("when its answers are lost until the attempts are used up, and it is called under another key", async (test) => {
    const { reference, store, call } = await story(
      test,
      "exhausted",
      { guarded },
      "lose_reply",
      "lose_reply",
      "lose_reply",
    );
    expect(await call("bounded")).toMatchObject({ status: 500 });
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 3);
    if (guarded) await decide(store);
    expect(await call("bounded", `${reference}-again`)).toMatchObject({ status: 200 });
    expect(world.effects(reference)).toHaveLength(guarded ? 1 : 4);
  });

  it("per run, and makes two runs of one call when they are meant", async (test) => {
    const { reference, service, start, call } = await story(
      test,
      "twice",
      // Which of two equal payments has happened cannot be asked: a person says that the one in doubt did.
      { guarded, nameless: true },
    );
    await world.plan(reference, "hold_request", "hold_reply");
    const called = call("twice");
    await world.holding(reference);
    await world.release(reference);
    await until("the second is under way", async () => (await world.requests(reference)) === 2);
    await world.holding(reference);
    await service.kill("SIGKILL");
    await start();
    if (guarded) await decide(join(dir, `${reference}.db`));
    expect(await called).toMatchObject({ status: 200 });
    expect(world.effects(reference)).toHaveLength(1 + times);
  });
});

describe.concurrent("a guarded run of Restate", () => {
  it("pauses its invocation for a person, where it is told to", async (test) => {
    const { reference, store, call } = await story(test, "paused", { guarded: true, pause: true }, "lose_reply");
    const called = call("pay");
    await until("it is paused", async () => (await restate.invocation(reference))?.status === "paused");
    await decide(store);
    await restate.tell((await restate.invocation(reference))?.id ?? "", "resume");
    expect(await called).toMatchObject({ status: 200 });
    expect(world.effects(reference)).toHaveLength(1);
  });

  it("ends with a terminal error where it certainly did not happen, and says so to whoever called", async (test) => {
    const { reference, service, call } = await story(test, "refused", { guarded: true }, "reject");
    expect(await call("pay")).toMatchObject({
      status: 422,
      answer: { message: expect.stringContaining("onceguard: failed"), metadata: { status: "failed" } },
    });
    expect([await service.ask("attempts"), world.effects(reference)]).toEqual([1, []]);
  });
});
