import type { Browser } from "playwright-core";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import type { ServeHttpOptions } from "../../../onceguard/src/http/node/serve.ts";
import { type Person, person, startChromium } from "./browser.ts";
import { startWorld, type World } from "./world.ts";

export interface Stage {
  /** A world of the test's own, gone when the test is over. */
  world(http?: Partial<ServeHttpOptions>, isOpen?: boolean): Promise<World>;
  /** Somebody who has signed in with the key of a role; null: who has not. */
  someone(at: World, role: keyof World["keys"] | null, options?: Parameters<typeof person>[2]): Promise<Person>;
}

/** One browser for the tests of a file. */
export function stage(): Stage {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser.close());
  return {
    world: async (http = {}, isOpen = false) => {
      const made = await startWorld(http, isOpen);
      onTestFinished(() => made.close());
      return made;
    },
    someone: async (at, role, options = {}) => {
      const one = await person(browser, at.url, { ...(role && { key: at.keys[role] }), ...options });
      onTestFinished(() => one.leave());
      return one;
    },
  };
}
