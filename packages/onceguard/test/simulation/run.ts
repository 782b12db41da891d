import { simulate } from "./simulate.ts";
const from = Number(process.argv[2] ?? 0), n = Number(process.argv[3] ?? 200);
const t = performance.now(); let steps = 0; const counts = new Map<string, number>(); const bad = new Map<string, number[]>();
for (let s = from; s < from + n; s++) {
  const r = await simulate(s, { traced: n === 1 });
  steps += r.steps;
  for (const [k, v] of r.counts) counts.set(k, (counts.get(k) ?? 0) + v);
  if (r.violation) { const k = r.violation.split(":")[0]!; bad.set(k, [...(bad.get(k) ?? []), s]); if ((bad.get(k)?.length ?? 0) <= 3) console.log(s, r.violation); }
  if (n === 1) console.log(r.trace.join("\n"));
}
const ms = performance.now() - t;
console.log(`${n} seeds, ${Math.round(steps / n)} steps, ${(ms / n).toFixed(2)} ms per seed`);
for (const [k, v] of bad) console.log(v.length, k, v.slice(0, 10).join(" "));
if (n > 1) console.log([...counts].sort().map(([k, v]) => `${k} ${v}`).join("; "));
