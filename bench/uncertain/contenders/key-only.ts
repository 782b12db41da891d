import type { Contender } from "../contender.ts";
import { isRefusal } from "../http-error.ts";

/** The provider's idempotency key and nothing else: derived from the intent, so that every retry carries the same one. */
const keyOnly: Contender = {
  name: "provider key",
  version: "-",
  advice: "https://docs.stripe.com/api/idempotent_requests",
  needs: [],
  start: async (world) => ({
    perform: async (intent) => {
      try {
        // Where the world takes no key there is none to give, and the retry is a bare one.
        const result = await world.act(intent, world.offers.key ? { key: intent.id } : {});
        return { said: "done", result };
      } catch (error) {
        if (isRefusal(error)) return { said: "failed", why: error.message };
        throw error;
      }
    },
    close: async () => undefined,
  }),
};

export default keyOnly;
