import { readdirSync, readFileSync } from "node:fs";

/** Clock ticks are hundredths of a second on every Linux that Node runs on. */
const TICK_MS = 10;

/**
 * The processor time used so far, in ms: on a machine that does other things it says more than the time on the clock.
 *
 * @param server the first process of a server, whose children count as well; null without one.
 */
export function cpuTime(server: number | null): { readonly clientMs: number; readonly serverMs: number | null } {
  const { user, system } = process.cpuUsage();
  return { clientMs: (user + system) / 1_000, serverMs: server === null ? null : ofServer(server) };
}

function ofServer(parent: number): number {
  let ticks = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .map(Number);
      const [ppid, utime = 0, stime = 0, cutime = 0, cstime = 0] = [fields[1], ...fields.slice(11, 15)];
      if (Number(name) === parent) ticks += utime + stime + cutime + cstime;
      else if (ppid === parent) ticks += utime + stime;
    } catch {
      // it has ended meanwhile
    }
  }
  return ticks * TICK_MS;
}
