import { CLASSES, classOf, counts, type Verdict } from "./judge.ts";
import type { Report } from "./report.ts";

/** Colours that stand on white and on near-black; the label says the same in words. */
const LOOKS: Readonly<Record<(typeof CLASSES)[number], readonly [colour: string, label: string]>> = {
  right: ["#2f9e5f", "as it should be, by itself"],
  asks: ["#4c8bd6", "says that it does not know: a person looks"],
  said_failed: ["#8a94a6", "did not happen, and says so"],
  untold: ["#b58a2c", "happened, and the caller was never told"],
  wrong: ["#d9792b", "a wrong answer"],
  lost: ["#a34fb5", "lost: nobody knows that it did not happen"],
  duplicate: ["#d23f3f", "happened more than once"],
};

const [LEFT, WIDTH, ROW, TOP] = [220, 620, 30, 64] as const;

/** One bar per contender: what became of its intents, each counted once, by the worst that can be said of it. */
export function drawChart({ rows, verdicts }: Report): string {
  const bars = rows.map(({ contender }, n) => {
    const own = verdicts.filter((one) => one.contender === contender && counts(one));
    return bar(contender, own, TOP + n * ROW);
  });
  const below = TOP + rows.length * ROW + 16;
  const legend = CLASSES.map((name, n) => legendEntry(name, LEFT + (n % 2) * 330, below + Math.floor(n / 2) * 22));
  const height = below + Math.ceil(CLASSES.length / 2) * 22 + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LEFT + WIDTH + 60} ${height}" role="img" aria-labelledby="title">
<title id="title">What became of the intents of each contender under uncertain completion</title>
<style>
  text { font: 14px system-ui, sans-serif; fill: #1f2328; }
  .head { font-size: 16px; font-weight: 600; }
  .count { font-size: 12px; fill: #fff; text-anchor: middle; }
  .name { text-anchor: end; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .count { fill: #fff; } }
</style>
<text class="head" x="16" y="28">What became of each intent, by the ledger of the outside world</text>
${[...bars, ...legend].join("\n")}
</svg>
`;
}

function bar(name: string, verdicts: readonly Verdict[], y: number): string {
  let x = LEFT;
  const parts = CLASSES.map((one) => {
    const count = verdicts.filter((verdict) => classOf(verdict) === one).length;
    if (count === 0) return "";
    const width = (count / verdicts.length) * WIDTH;
    const part = `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="20" fill="${LOOKS[one][0]}"/>`;
    const label =
      width < 18 ? "" : `<text class="count" x="${(x + width / 2).toFixed(1)}" y="${y + 14}">${count}</text>`;
    x += width;
    return part + label;
  });
  return `<text class="name" x="${LEFT - 10}" y="${y + 15}">${name}</text>${parts.join("")}`;
}

function legendEntry(name: (typeof CLASSES)[number], x: number, y: number): string {
  const [colour, label] = LOOKS[name];
  return `<rect x="${x}" y="${y}" width="12" height="12" fill="${colour}"/><text x="${x + 18}" y="${y + 11}">${label}</text>`;
}
