import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Counted, Overview } from "../api/types.ts";
import { Scroll } from "./basics.tsx";
import { number, words } from "./words.ts";

const WIDTH = 1_000;
const HEIGHT = 160;

type Bar = Overview["bars"][number];

/** A number over time as stacked bars, with a legend, a line that says what is pointed at, and the same as a table. */
export function Chart(props: {
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly barMs: number;
  readonly series: readonly Counted[];
}): JSX.Element {
  const { title, bars, series } = props;
  const [pointed, setPointed] = useState<number | null>(null);
  const sums = bars.map((bar) => series.reduce((sum, name) => sum + bar[name], 0));
  const top = nice(Math.max(1, ...sums));
  const width = WIDTH / Math.max(1, bars.length);
  const total = (name: Counted): number => bars.reduce((sum, bar) => sum + bar[name], 0);
  const bar = pointed === null ? undefined : bars[pointed];
  const summary = series.map((name) => `${number(total(name))} ${words(name)}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {series.map((name) => (
            <li key={name}>
              <span class={`swatch series-${name}`} aria-hidden="true" /> {words(name)}{" "}
              <strong class="num">{number(total(name))}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      <div class="chart-area">
        <div class="chart-axis num" aria-hidden="true">
          <span>{number(top)}</span>
          <span>{Number.isInteger(top / 2) ? number(top / 2) : ""}</span>
          <span>0</span>
        </div>
        <svg
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="img"
          aria-label={`${title}: ${summary}. The table below has the numbers.`}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            setPointed(Math.floor(((event.clientX - box.left) / box.width) * bars.length));
          }}
          onPointerLeave={() => setPointed(null)}
        >
          {[0, 0.5, 1].map((at) => (
            <line key={at} class="grid" x1="0" x2={WIDTH} y1={HEIGHT * at} y2={HEIGHT * at} />
          ))}
          {bars.map((one, n) => {
            let y = HEIGHT;
            return (
              <g key={one.at} class={n === pointed ? "pointed" : ""}>
                {series.map((name) => {
                  const height = (one[name] / top) * HEIGHT;
                  y -= height;
                  if (height === 0) return null;
                  const box = { x: n * width + width * 0.12, y, width: width * 0.76, height };
                  return <rect key={name} class={`series-${name}`} {...box} />;
                })}
              </g>
            );
          })}
        </svg>
      </div>
      <div class="chart-times num" aria-hidden="true">
        <span>{bars[0] && clock(bars[0].at, props.barMs)}</span>
        <span class="chart-pointed">
          {bar &&
            `${clock(bar.at, props.barMs)}  ${series.map((name) => `${words(name)} ${number(bar[name])}`).join(", ")}`}
        </span>
        <span>now</span>
      </div>
      <details>
        <summary>As a table</summary>
        <Scroll label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">from</th>
                {series.map((name) => (
                  <th scope="col" key={name} class="right">
                    {words(name)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {bars
                .filter((_, n) => sums[n])
                .map((one) => (
                  <tr key={one.at}>
                    <th scope="row" class="num">
                      {clock(one.at, props.barMs)}
                    </th>
                    {series.map((name) => (
                      <td key={name} class="num right">
                        {number(one[name])}
                      </td>
                    ))}
                  </tr>
                ))}
            </tbody>
          </table>
        </Scroll>
      </details>
    </figure>
  );
}

/** The next of 1, 2, 5, 10, ...: an axis that a person can read. */
function nice(most: number): number {
  const power = 10 ** Math.floor(Math.log10(most));
  if (most <= 1) return 1;
  return ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((step) => step * power >= most) ?? 10) * power;
}

function clock(at: string, barMs: number): string {
  const long = barMs >= 3_600_000;
  return new Date(at).toLocaleString("en-GB", {
    ...(long && { day: "numeric", month: "short" }),
    hour: "2-digit",
    minute: "2-digit",
  });
}
