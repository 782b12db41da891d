import { fork } from "node:child_process";
import { once } from "node:events";
import type { FlakyWorld } from "../support/flaky-world.ts";

/** Runs a program until it ends by itself; its last message to us. */
export async function finished(program: URL, args: readonly string[]): Promise<unknown> {
  const child = fork(program, args, { execArgv: [] });
  let said: unknown;
  child.on("message", (message) => {
    said = message;
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`${program.pathname} ended with ${code}`);
  return said;
}

/** Runs a program until the world has its request for `reference` and owes the answer; kills it there. */
export async function killedMidEffect(
  world: FlakyWorld,
  reference: string,
  program: URL,
  args: readonly string[],
): Promise<void> {
  await world.plan(reference, "hold_reply");
  const child = fork(program, args, { execArgv: [] });
  const ended = once(child, "exit");
  const outcome = await Promise.race([world.holding(reference), ended.then(() => "ended" as const)]);
  if (outcome === "ended") throw new Error(`${program.pathname} ended before its effect`);
  child.kill("SIGKILL");
  await ended;
  await world.release(reference);
}
