import { type EventType, TRANSITIONS, type TransitionRow } from "../../../packages/onceguard/src/core/lifecycle.ts";
import { STATES, type State } from "../../../packages/onceguard/src/core/receipt.ts";
import { type Arrow, type Graph, graphDiagram } from "./graph.ts";
import { CONDITIONS, EVENT_WORDS, TONES } from "./lifecycle-words.ts";
import { attributes, type Diagram, line, rectangle, text } from "./svg.ts";

type Somewhere = State | "absent";

/** One step that the table allows, with every row that allows it. */
export interface Step {
  readonly from: Somewhere;
  readonly on: EventType;
  readonly to: Somewhere;
}

/** Every step of the transition table: rows with several origins taken apart, `same` written out. */
export function stepsOf(rows: readonly TransitionRow[] = TRANSITIONS): readonly Step[] {
  const steps = rows.flatMap(({ from, on, to }) =>
    from.map((state): Step => ({ from: state, on, to: to === "same" ? state : to })),
  );
  return [...new Map(steps.map((step) => [`${step.from} ${step.on} ${step.to}`, step])).values()];
}

/** A part of the table that is drawn by itself, so that it can be read. Together they are all of it. */
interface Part {
  readonly name: string;
  readonly title: string;
  readonly on: readonly EventType[];
  readonly at: Readonly<Partial<Record<Somewhere, readonly [column: number, row: number]>>>;
  readonly step?: readonly [number, number];
}

export const PARTS: readonly Part[] = [
  {
    name: "states-attempt",
    title: "The way of a request",
    on: ["claim", "enqueue", "dispatch", "success", "definite_failure", "indefinite", "lapse", "shutdown", "retry"],
    at: {
      absent: [0, 0],
      retry_wait: [0, 2],
      running: [1.2, 1],
      failed: [1.2, 0],
      succeeded: [2.2, 2],
      in_doubt: [2.2, 1],
      review: [1.2, 2],
    },
    step: [270, 150],
  },
  {
    name: "states-held",
    title: "What waits for consent",
    on: ["hold", "keep_held", "approve", "release", "deny"],
    at: { absent: [0, 0], held: [1, 0], running: [2, 0], denied: [2, 1] },
    step: [230, 96],
  },
  {
    name: "states-doubt",
    title: "How a doubt is settled",
    on: ["resend", "probe_happened", "probe_did_not_happen", "probe_cannot_tell", "give_up"],
    at: {
      running: [0, 0],
      retry_wait: [0, 1],
      review: [0, 2],
      in_doubt: [1, 1],
      succeeded: [2, 0],
      failed: [2, 2],
    },
    step: [340, 118],
  },
  {
    name: "states-late",
    title: "Late evidence",
    on: ["late_success"],
    at: { in_doubt: [0, 0], review: [0, 1], retry_wait: [0, 2], succeeded: [1, 1] },
    step: [300, 84],
  },
  {
    name: "states-person",
    title: "What a person decides",
    on: ["resolve", "reopen"],
    at: { review: [0, 1], retry_wait: [1, 0], failed: [2, 1], succeeded: [1, 2], denied: [0, 3] },
    step: [220, 104],
  },
  {
    name: "states-restored",
    title: "After a restored backup",
    on: ["doubt", "restored"],
    at: { absent: [0, 0], held: [0, 1], running: [0, 2], retry_wait: [0, 3], in_doubt: [1, 1] },
    step: [260, 70],
  },
  {
    name: "states-afterwards",
    title: "Afterwards",
    on: ["compensate", "compensated", "compensation_failed", "expire"],
    at: {
      succeeded: [0, 0],
      compensating: [1, 0],
      review: [2, 0],
      failed: [0, 1],
      expired: [1, 2],
      denied: [0, 2],
      compensated: [2, 2],
    },
    step: [290, 84],
  },
];

/** Evidence that changes no state may come in every state: said in words, and not drawn at each. */
const ANYWHERE: readonly EventType[] = ["late_success", "late_denial"];

function isAnywhere({ from, on, to }: Step): boolean {
  return ANYWHERE.includes(on) && from === to;
}

export function partGraph({ name, title, on, at, step }: Part): Graph {
  const steps = stepsOf().filter((one) => on.includes(one.on) && !isAnywhere(one));
  const byWay = Map.groupBy(steps, ({ from, to }) => `${from} ${to}`);
  const arrows = [...byWay.values()].map((same): Arrow => {
    const [{ from, to }] = same as [Step];
    return { from, to, labels: same.map((one) => one.on) };
  });
  const places = Object.entries(at).map(([state, [column, row]]) => ({
    name: state,
    tone: TONES[state as Somewhere],
    column,
    row,
  }));
  return { name, title, description: inWords(steps), places, arrows, ...(step ? { step } : {}) };
}

function inWords(steps: readonly Step[]): string {
  return steps
    .map(({ from, on, to }) => {
      const origin = from === "absent" ? "nothing" : from;
      return from === to ? `${on} leaves ${origin} as it is` : `${on} leads from ${origin} to ${to}`;
    })
    .join("; ")
    .concat(".");
}

/** All of it in one: a column for every state, a line for every row of the table. */
export function tableDiagram(): Diagram {
  const columns: readonly Somewhere[] = ["absent", ...STATES];
  const [left, across, top, down] = [170, 92, 58, 27];
  const rows = TRANSITIONS;
  const width = left + columns.length * across;
  const height = top + rows.length * down + 14;
  const x = (state: Somewhere): number => left + (columns.indexOf(state) + 0.5) * across;
  const body = [
    ...rows.flatMap((_, n) =>
      n % 2 === 0 ? [rectangle({ x: 0, y: top + n * down, width, height: down }, "band", 0)] : [],
    ),
    ...columns.map((state) => line(`M${x(state)} ${top} V${height - 8}`, "life", false)),
    ...columns.map((state) => column(state, x(state), across)),
    ...rows.map((row, n) => rowOf(row, top + (n + 0.5) * down, x)),
  ];
  return {
    name: "states-table",
    title: "Every transition",
    description: `A column for every state, a line for every row of the transition table. ${inWords(stepsOf())}`,
    width,
    height,
    body: body.join(""),
  };
}

function column(state: Somewhere, x: number, across: number): string {
  const box = { x: x - across / 2 + 3, y: 14, width: across - 6, height: 30 };
  const words = state === "absent" ? "(nothing)" : state;
  return rectangle(box, TONES[state]) + text(words, x, 33, `code ${TONES[state]}`);
}

function rowOf({ row, from, on, to }: TransitionRow, y: number, x: (state: Somewhere) => number): string {
  const data = { "data-row": String(row), "data-from": from.join(" "), "data-on": on, "data-to": to };
  const label = text(`${row}`, 26, y + 4, "small", "end") + text(on, 36, y + 4, "code", "start");
  const dot = (state: Somewhere) => `<circle${attributes({ cx: x(state), cy: y, r: 4, class: "head" })}/>`;
  if (to === "same") {
    const loops = from.map((state) => `${dot(state)}${text("↺", x(state) + 11, y + 4, "small")}`);
    return `<g${attributes(data)}>${label}${loops.join("")}</g>`;
  }
  const stays = from.includes(to) ? `${dot(to)}${text("↺", x(to) + 11, y + 4, "small")}` : "";
  const moves = from.filter((state) => state !== to);
  const sides = [moves.filter((state) => x(state) < x(to)), moves.filter((state) => x(state) > x(to))];
  const ways = sides.flatMap((side) => {
    if (side.length === 0) return [];
    const isLeft = x(side[0] as Somewhere) < x(to);
    const start = (isLeft ? Math.min : Math.max)(...side.map(x));
    return [line(`M${start} ${y} H${x(to) + (isLeft ? -2 : 2)}`, "edge")];
  });
  return `<g${attributes(data)}>${label}${ways.join("")}${moves.map(dot).join("")}${stays}</g>`;
}

export function lifecycleDiagrams(): readonly Diagram[] {
  return [...PARTS.map((part) => graphDiagram(partGraph(part))), tableDiagram()];
}

/** The same as a table in Markdown. */
export function transitionTable(): string {
  const rows = TRANSITIONS.map(({ row, from, on, to, when }) => {
    const origin = from.length === STATES.length ? "any state" : from.map(code).join(", ");
    const condition = when ? (CONDITIONS[`${row} ${on} ${to}`] ?? "") : "";
    return `| ${row} | ${origin} | \`${on}\`: ${EVENT_WORDS[on]} | ${to === "same" ? "stays" : code(to)} | ${condition} |`;
  });
  return ["| row | from | event | to | if |", "|---|---|---|---|---|", ...rows].join("\n");
}

function code(state: Somewhere): string {
  return state === "absent" ? "nothing" : `\`${state}\``;
}
