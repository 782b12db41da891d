import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { BENCH_INSERT, BENCH_UPDATE, FINGERPRINT } from "./bare.ts";
import { PAYLOAD, RESULT } from "./contenders.ts";
import { type Measurement, quantile } from "./measure.ts";

const run = promisify(execFile);

/** The program from the machine's PostgreSQL, or null where there is none. */
export function findPgbench(): string | null {
  const base = "/usr/lib/postgresql";
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(base, version, "bin/pgbench")).find((path) => existsSync(path)) ?? null;
}

/** The floor of "one commit per statement": the same two statements from a C client. */
export async function pgbench(program: string, url: string, callers: number, ms: number): Promise<Measurement> {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-bench-"));
  const script = join(folder, "first.sql");
  const payload = `'${JSON.stringify(PAYLOAD)}'`;
  // Ids are made by the client, as ours are: 64 characters, without a round trip.
  const id = "lpad((:n)::bigint::text, 64, '0')";
  writeFileSync(
    script,
    `\\set n random(1, 9000000000000000000)
${BENCH_INSERT.replace("$1", id).replace("$2", `'${FINGERPRINT}'`).replace("$3", payload).replace("$4", id)};
${BENCH_UPDATE.replace("$1", id).replace("$2", `'${JSON.stringify(RESULT)}'`)};
`,
  );
  const seconds = Math.max(1, Math.round(ms / 1_000));
  const args = [
    "-n",
    "-M",
    "prepared",
    "-f",
    script,
    "-c",
    String(callers),
    "-j",
    String(Math.min(2, callers)),
    "-T",
    String(seconds),
  ];
  const log = join(folder, "log");
  await run(program, [...args, "-l", `--log-prefix=${log}`, url]);
  const durations = readdirSync(folder)
    .filter((file) => file.startsWith("log"))
    .flatMap((file) => readLatencies(join(folder, file)))
    .sort((a, b) => a - b);
  rmSync(folder, { recursive: true });
  return {
    perSecond: durations.length / seconds,
    p50Ms: quantile(durations, 0.5),
    p99Ms: quantile(durations, 0.99),
    clientMicros: null,
    serverMicros: null,
  };
}

function readLatencies(file: string): number[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => Number(line.split(" ")[2]) / 1_000);
}
