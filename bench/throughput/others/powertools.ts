import { IdempotencyConfig, makeIdempotent } from "@aws-lambda-powertools/idempotency";
import { POWERTOOLS_TABLE, PostgresPersistenceLayer } from "../../powertools-layer.ts";
import { KNOWN, PAYLOAD, unique } from "../contenders.ts";
import { poolOf } from "../pool.ts";
import type { Other } from "./other.ts";

export const powertools: Other = {
  name: "Powertools idempotency, PostgreSQL store",
  advice: "https://docs.aws.amazon.com/powertools/typescript/latest/features/idempotency/",
  note: "A persistence layer of one statement per step, prepared, through a pool of 10.",

  async start(url) {
    const pool = poolOf(url);
    await pool.query(POWERTOOLS_TABLE);
    const config = new IdempotencyConfig({ eventKeyJmesPath: "orderId" });
    // Without it, it warns with every call.
    config.registerLambdaContext({ getRemainingTimeInMillis: () => 30_000 } as Parameters<
      IdempotencyConfig["registerLambdaContext"]
    >[0]);
    const pay = makeIdempotent(async (payload: typeof PAYLOAD) => ({ paid: payload.amount }), {
      persistenceStore: new PostgresPersistenceLayer(pool),
      config,
    });
    const call = (orderId: string) => pay({ ...PAYLOAD, orderId });
    for (let n = 0; n < KNOWN; n++) await call(`known-${n}`);
    return {
      first: { name: this.name, operation: (n) => call(`${unique}-${n}`) },
      replay: { name: this.name, operation: (n) => call(`known-${n % KNOWN}`) },
      close: () => pool.end(),
    };
  },
};
