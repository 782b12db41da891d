import { cpus, loadavg, release, totalmem } from "node:os";

/** Where and when something was measured. */
export function machine(): Record<string, unknown> {
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    cpu: `${cpus().length} x ${first?.model.trim()}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    load: loadavg().map((load) => Math.round(load * 10) / 10),
  };
}
