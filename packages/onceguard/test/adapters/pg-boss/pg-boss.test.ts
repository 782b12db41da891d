import type { PgBoss as Boss } from "pg-boss";
import { createDatabase } from "../../support/postgres.ts";
import { dropWhenLeft } from "../drop-when-left.ts";
import { type EngineUnderTest, engineStories } from "../engine-stories.ts";

const program = new URL("./worker-process.ts", import.meta.url);

engineStories("pg-boss 12", { program, open: () => open("pg-boss") });
engineStories("pg-boss 11", { program, open: () => open("pg-boss-11"), only: ["killed", "exhausted"] });

async function open(engine: string): Promise<EngineUnderTest> {
  const address = await createDatabase();
  const module = (await import(engine)) as { PgBoss?: typeof Boss; default?: typeof Boss };
  const PgBoss = (module.PgBoss ?? module.default) as typeof Boss;
  const boss = new PgBoss({ connectionString: address, max: 2, supervise: false, schedule: false });
  boss.on("error", () => undefined);
  await boss.start();
  return {
    engine,
    address,
    prepare: async (queues) => {
      for (const queue of queues) await boss.createQueue(queue);
    },
    add: async (queue, charge, attempts) => {
      const settings = { retryLimit: attempts - 1, retryDelay: 1, expireInSeconds: 2 };
      return (await boss.send(queue, charge, settings)) ?? "";
    },
    state: async (queue, id) => {
      const state = (await boss.getJobById(queue, id))?.state;
      return state === "completed" ? "done" : state === "failed" ? "failed" : "open";
    },
    result: async (queue, id) => (await boss.getJobById(queue, id))?.output,
    close: async () => {
      await boss.stop({ graceful: false, close: true });
      await dropWhenLeft(address);
    },
  };
}
