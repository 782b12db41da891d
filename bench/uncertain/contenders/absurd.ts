import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Absurd, TimeoutError } from "absurd-sdk";
import type { Contender, Intent, Running, World } from "../contender.ts";
import { done, failed, keyed, LATER, LEASE_SECONDS, PATIENCE_MS, poolOf, versionOf } from "./engine/engine.ts";

const absurd: Contender = {
  name: "absurd",
  version: versionOf("absurd-sdk"),
  advice: "https://earendil-works.github.io/absurd/concepts/#idempotency-keys",
  needs: ["postgres"],

  prepare: async ({ postgres }) => {
    const pool = poolOf(postgres);
    await pool.query(await schema());
    await new Absurd(pool).createQueue();
    await pool.end();
  },

  async start(world: World, { postgres }): Promise<Running> {
    const pool = poolOf(postgres);
    const quiet = (): void => undefined;
    const app = new Absurd({ db: pool, log: { log: quiet, info: quiet, warn: quiet, error: quiet } });
    app.registerTask<Intent>({ name: "perform" }, (intent, ctx) =>
      // A completed step does not run again, one that was cut off does. "If a step calls an external system that supports
      // its own idempotency keys", they should come "from something stable, such as the task ID or a business identifier".
      ctx.step("act", () => world.act(intent, keyed(world, intent.id))),
    );
    // A claim that runs out is another attempt. https://earendil-works.github.io/absurd/concepts/#workers
    const worker = await app.startWorker({ concurrency: 10, claimTimeout: LEASE_SECONDS, pollInterval: 0.1 });
    return {
      perform: async (intent) => {
        // Its default are five attempts, with no pause between them.
        const { taskID } = await app.spawn("perform", intent, { idempotencyKey: intent.id });
        try {
          const end = await app.awaitTaskResult(taskID, { timeout: PATIENCE_MS / 1_000 });
          if (end.state === "completed") return done(end.result);
          return end.state === "failed" ? failed(end.failure) : LATER;
        } catch (error) {
          if (error instanceof TimeoutError) return LATER;
          throw error;
        }
      },
      close: async () => {
        await worker.close();
        await pool.end();
      },
    };
  },
};

/**
 * Its package does not bring the tables that it needs; `absurdctl init` (Python) takes them from its repository, and so do
 * we. Where there is no way to it, ABSURD_SQL names a copy of this file.
 */
const SCHEMA = {
  url: "https://raw.githubusercontent.com/earendil-works/absurd/9b77b356963c65ff9b183fdb4044c2dff2392f6e/sql/absurd.sql",
  sha256: "9ef61e4e067e3448d6bf0a7fd2abb87ae35ca49a6cae23d325524e2936c7c4a4",
};

async function schema(): Promise<string> {
  const copy = process.env.ABSURD_SQL;
  const sql = copy ? readFileSync(copy, "utf8") : await downloaded();
  const sha256 = createHash("sha256").update(sql).digest("hex");
  if (sha256 !== SCHEMA.sha256) throw new Error(`${copy ?? SCHEMA.url} is not the schema that this was tried with`);
  return sql;
}

async function downloaded(): Promise<string> {
  try {
    return await (await fetch(SCHEMA.url)).text();
  } catch (cause) {
    throw new Error(`the tables of absurd: no way to ${SCHEMA.url}, and no ABSURD_SQL`, { cause });
  }
}

export default absurd;
