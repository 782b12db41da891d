import { isDeepStrictEqual } from "node:util";
import { startWorld, type Terms, type World } from "./world.ts";

class DoesNotHold extends Error {}

/** Tells one incident. Exits with 1 when something that it claims does not hold. */
export async function story(title: string, tell: () => Promise<void>): Promise<void> {
  console.log(title);
  try {
    await tell();
  } catch (error) {
    console.error(error instanceof DoesNotHold ? `✘ ${error.message}` : error);
    process.exitCode = 1;
  }
}

/** One side of it, in a world of its own. */
export async function side<Answer>(
  name: string,
  terms: Terms,
  tell: (world: World) => Promise<Answer>,
): Promise<Answer> {
  console.log(`\n${name}`);
  const world = await startWorld(terms);
  try {
    return await tell(world);
  } finally {
    await world.stop();
  }
}

export function say(text: string): void {
  console.log(`  ${text}`);
}

/** Claims that it is so, and says it. */
export function holds(what: string, found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) {
    throw new DoesNotHold(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`);
  }
  console.log(`✔ ${what}: ${typeof found === "object" ? JSON.stringify(found) : found}`);
}

/** Waits for what must come, and for no longer than it may take on a very busy machine. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new DoesNotHold(`waited in vain: ${what}`);
    await new Promise((again) => setTimeout(again, 5));
  }
}

/** 125000 is "1,250.00". */
export function money(cents: number): string {
  return (cents / 100).toLocaleString("en-US", { minimumFractionDigits: 2 });
}
