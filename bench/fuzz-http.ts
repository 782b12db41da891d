/**
 * Fuzzed requests against a real `onceguard serve` API in this process's child: no crash, no 500, nothing executed twice.
 *
 *   node bench/fuzz-http.ts [--inputs 1000000 --seed 1 --connections 32]     (after `npm run build`)
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fuzz } from "../packages/onceguard/test/http/fuzz.ts";

const { values: options } = parseArgs({
  options: {
    inputs: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    connections: { type: "string", default: "32" },
  },
});
const inputs = Number(options.inputs);
const seed = Number(options.seed);

const child = fork(fileURLToPath(new URL("./fuzz-target.ts", import.meta.url)), [], { stdio: ["ignore", 2, 2, "ipc"] });
const died = once(child, "exit").then(([code, signal]) => {
  throw new Error(`the server ended: ${code ?? signal}`);
});
died.catch(() => undefined);
const [url] = (await once(child, "message")) as [string];
const started = performance.now();
const statuses: Record<string, number> = {};
const bad: unknown[] = [];
let sent = 0;
for (let part = 0; sent < inputs; part++) {
  const size = Math.min(50_000, inputs - sent);
  const report = await Promise.race([
    fuzz(url, {
      inputs: size,
      seed: seed * 10_000 + part,
      connections: Number(options.connections),
      ref: (n) => `F${n % 5_000}`,
    }),
    died,
  ]);
  sent += report.sent;
  bad.push(...report.bad);
  for (const [status, count] of Object.entries(report.statuses)) statuses[status] = (statuses[status] ?? 0) + count;
  process.stderr.write(
    `${sent} inputs, ${Math.round(sent / ((performance.now() - started) / 1_000))}/s, ${bad.length} bad\n`,
  );
}
child.send("judge");
const [judgement] = (await once(child, "message")) as [{ effects: number; twice: string[] }];
child.disconnect();
child.kill();
console.log(JSON.stringify({ inputs: sent, seed, statuses, bad: bad.slice(0, 5), ...judgement }, null, 2));
process.exitCode = bad.length === 0 && judgement.twice.length === 0 ? 0 : 1;
