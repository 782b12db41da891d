import pRetry, { AbortError } from "p-retry";
import type { Contender } from "../contender.ts";
import { isRefusal } from "../http-error.ts";
import { versionOf } from "./engine/engine.ts";

const retrying: Contender = {
  name: "p-retry",
  version: versionOf("p-retry"),
  advice: "https://github.com/sindresorhus/p-retry#readme",
  needs: [],
  start: async (world) => ({
    perform: async (intent) => {
      try {
        const result = await pRetry(
          () =>
            world.act(intent).catch((error: unknown) => {
              // As in its first example: an answer that no retry heals aborts.
              throw isRefusal(error) ? new AbortError(error) : error;
            }),
          { retries: 3, minTimeout: 100 },
        );
        return { said: "done", result };
      } catch (error) {
        if (isRefusal(error)) return { said: "failed", why: error.message };
        throw error;
      }
    },
    close: async () => undefined,
  }),
};

export default retrying;
