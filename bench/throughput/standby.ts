import { chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { baseBackup } from "../../packages/onceguard/test/support/base-backup.ts";
import { accepting } from "../../packages/onceguard/test/support/postgres.ts";
import { postgresBinaries } from "../../packages/onceguard/test/support/postgres-binaries.ts";
import { freePort, serverUser, startServerProcess } from "../../packages/onceguard/test/support/server-process.ts";
import type { BenchServer } from "./bench-server.ts";

/** A standby that follows the server: a copy of its files, made while it runs, and its log from then on. */
export interface Standby {
  /** Lets the primary wait for it, or no longer: with every commit until the standby has it on its disk. */
  waitFor(isSynchronous: boolean): Promise<void>;
  stop(): Promise<void>;
}

const NAME = "bench_standby";

export async function startStandby({ server, query, set }: BenchServer): Promise<Standby> {
  const dir = mkdtempSync(join(tmpdir(), "onceguard-standby-"));
  const dataDir = join(dir, "data");
  if (serverUser) chownSync(dir, serverUser.uid, serverUser.gid);
  const bin = postgresBinaries(dir);
  await baseBackup(server, dataDir, NAME);
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: dir,
    max_connections: 300,
    fsync: "on",
  };
  const args = ["-D", dataDir, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
  const process = startServerProcess({ command: join(bin, "postgres"), args, dir, logFile: join(dir, "log") });
  await accepting(`postgres://postgres@127.0.0.1:${port}/postgres`);
  const state = async (): Promise<string | undefined> =>
    (
      await query<{ sync_state: string }>(
        "SELECT sync_state FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'",
        [NAME],
      )
    )[0]?.sync_state;

  const waitFor = async (isSynchronous: boolean): Promise<void> => {
    await set("synchronous_standby_names", isSynchronous ? NAME : "");
    const wanted = isSynchronous ? "sync" : "async";
    for (let tries = 0; (await state()) !== wanted; tries++) {
      if (tries > 500) throw new Error(`the standby is ${await state()}, and not ${wanted}`);
      await sleep(20);
    }
  };
  return {
    waitFor,
    stop: async () => {
      await waitFor(false);
      await process.stop("INT");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
