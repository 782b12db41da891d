import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a condition, generously; fails with its source when it does not come true. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${condition}`);
    await sleep(5);
  }
}
