import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { serverUser, startServerProcess } from "../../support/server-process.ts";
import { until } from "../engine-workers/until.ts";

export interface KafkaCluster {
  readonly broker: string;
  stop(): Promise<void>;
}

/**
 * A broker that speaks Kafka's protocol, with groups, sessions, rebalances and commits: the mock cluster of librdkafka,
 * which Debian's `kcat` brings. It keeps everything in memory. Null where kcat is not installed.
 */
export async function startKafkaCluster(): Promise<KafkaCluster | null> {
  const command = findKcat();
  if (!command) return null;
  const dir = mkdtempSync(join(tmpdir(), "onceguard-kafka-"));
  if (serverUser) chownSync(dir, serverUser.uid, serverUser.gid);
  const logFile = join(dir, "log");
  // A consumer of nothing, for as long as the cluster is needed.
  const args = ["-C", "-b", "none", "-t", "idle", "-X", "test.mock.num.brokers=1", "-d", "mock"];
  const server = startServerProcess({ command, args, dir, logFile });
  const broker = () => /bootstrap\.servers=(\S+)/.exec(readFileSync(logFile, "utf8"))?.[1];
  await until("the Kafka cluster is there", () => broker() !== undefined);
  return {
    broker: broker() as string,
    stop: async () => {
      await server.stop("TERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function findKcat(): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/bin"];
  return folders.map((folder) => join(folder, "kcat")).find((path) => existsSync(path));
}
