import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createDatabase, dropDatabase, startPostgres } from "../../packages/onceguard/test/support/postgres.ts";
import { startRedis } from "../../packages/onceguard/test/support/redis.ts";

/** A server of the example's own, which ends with it. */
export interface Server {
  readonly url: string;
  stop(): Promise<void>;
}

/** An empty database on the server that the environment names, or else on one that is started for it. */
export async function postgres(): Promise<Server> {
  const given = process.env.ONCEGUARD_TEST_POSTGRES_URL;
  if (given) {
    const url = await createDatabase(given);
    return { url, stop: () => dropDatabase(url) };
  }
  const server = await startPostgres();
  return { url: await createDatabase(server.url), stop: () => server.stop() };
}

/** An empty Redis. Where none is installed the example ends here, as one that cannot be told. */
export async function redis(): Promise<Server> {
  const server = await startRedis();
  if (server !== null) return { url: `redis://127.0.0.1:${server.port}`, stop: () => server.stop() };
  console.error("redis-server is not installed");
  process.exit(SKIPPED);
}

/** What `run.mjs` takes for "it cannot run here". */
const SKIPPED = 77;

export interface WorkerProcess {
  /** kill -9: it has no time for anything. */
  kill(): Promise<void>;
}

/** Starts a process of its own; resolves when it says that it is ready. */
export async function startWorker(program: URL, ...args: readonly string[]): Promise<WorkerProcess> {
  const child = fork(fileURLToPath(program), args, { execArgv: ["--disable-warning=DeprecationWarning"] });
  const ended = once(child, "exit");
  const [first] = await Promise.race([once(child, "message"), ended]);
  if (first !== "ready") throw new Error(`The worker ended with ${first}.`);
  return {
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
