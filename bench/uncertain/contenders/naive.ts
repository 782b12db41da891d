import type { Contender } from "../contender.ts";
import { isRefusal } from "../http-error.ts";

/** What most agents do: the tool makes the call, and whoever calls the tool calls it again when that breaks. */
const naive: Contender = {
  name: "naive",
  version: "-",
  advice: "none: a bare call, which its caller retries",
  needs: [],
  start: async (world) => ({
    perform: async (intent) => {
      try {
        return { said: "done", result: await world.act(intent) };
      } catch (error) {
        if (isRefusal(error)) return { said: "failed", why: error.message };
        throw error;
      }
    },
    close: async () => undefined,
  }),
};

export default naive;
