import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import type { Context } from "aws-lambda";
import pg from "pg";
import { POWERTOOLS_TABLE, PostgresPersistenceLayer } from "../../powertools-layer.ts";
import type { Contender, Intent } from "../contender.ts";
import { isRefusal } from "../http-error.ts";
import { keyed, LATER, LEASE_SECONDS, poolOf, versionOf } from "./engine/engine.ts";

const powertools: Contender = {
  name: "Powertools",
  version: versionOf("@aws-lambda-powertools/idempotency"),
  advice: "https://docs.aws.amazon.com/powertools/typescript/latest/features/idempotency/",
  needs: ["postgres"],

  prepare: async ({ postgres }) => {
    const client = new pg.Client({ connectionString: postgres });
    await client.connect();
    await client.query(POWERTOOLS_TABLE);
    await client.end();
  },

  start: async (world, { postgres }) => {
    const pool = poolOf(postgres);
    // "eventKeyJmesPath": what is stable over retries, and never the whole event.
    const config = new IdempotencyConfig({ eventKeyJmesPath: "id", throwOnNoIdempotencyKey: true });
    // A provider's key is not its advice; giving one costs nothing and is what its users can do.
    const handler = makeIdempotent(
      async (intent: Intent, _context: Context) => ({ ...(await world.act(intent, keyed(world, intent.id))) }),
      { persistenceStore: new PostgresPersistenceLayer(pool), config },
    );
    return {
      perform: async (intent) => {
        // The Lambda context says when a run that was cut off may be repeated: the timeout of the function.
        const deadline = Date.now() + LEASE_SECONDS * 1_000;
        const context = { getRemainingTimeInMillis: () => deadline - Date.now() } as Context;
        try {
          return { said: "done", result: await handler(intent, context) };
        } catch (error) {
          if (isRefusal(error)) return { said: "failed", why: error.message };
          if (error instanceof Error && error.name === "IdempotencyAlreadyInProgressError") return LATER;
          throw error;
        }
      },
      close: () => pool.end(),
    };
  },
};

export default powertools;
