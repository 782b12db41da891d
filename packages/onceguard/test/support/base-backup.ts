import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { serverUser } from "./server-process.ts";

/** The server that is copied, while it runs. */
export interface CopiedServer {
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
}

/**
 * A base backup by hand (the embedded binaries have no pg_basebackup), set up to follow the server as a standby. Its log
 * comes from the server.
 *
 * @param dataDir where it goes; must not be there yet.
 * @param name by which the standby is known to the server.
 */
export async function baseBackup(server: CopiedServer, dataDir: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  try {
    await client.query("SELECT pg_backup_start($1, fast => true)", [name]);
    // Files come and go meanwhile; the log has what the copy has missed.
    spawnSync("cp", ["-a", server.dataDir, dataDir], { stdio: "ignore" });
    const { rows } = await client.query<{ labelfile: string }>("SELECT labelfile FROM pg_backup_stop(false)");
    execFileSync("sh", ["-c", 'rm -rf "$0"/postmaster.* "$0"/pg_wal/0*', dataDir]);
    write(join(dataDir, "backup_label"), rows[0]?.labelfile ?? "");
    write(join(dataDir, "standby.signal"), "");
    appendFileSync(
      join(dataDir, "postgresql.auto.conf"),
      `primary_conninfo = 'host=127.0.0.1 port=${server.port} user=postgres application_name=${name}'\n`,
    );
  } finally {
    await client.end();
  }
}

function write(path: string, text: string): void {
  writeFileSync(path, text);
  if (serverUser) chownSync(path, serverUser.uid, serverUser.gid);
}
