import { askedIn, type Column, ROWS, type Row } from "../../../packages/onceguard/test/crash/matrix-rows.ts";
import { attributes, type Diagram, line, rectangle, type Tone, text } from "./svg.ts";

/** Who settles a request after a death at a point, as docs/crash-matrix.md has it. */
export type Settler = "alone" | "the probe" | "the key" | "a person" | "-";

/** The columns of the table there. A probe answers before a key is used. */
export const CAPABILITIES: Readonly<Record<string, Column>> = {
  none: "none",
  "none + mark": "none + mark",
  "probe, probe + key": "probe",
  key: "key",
  transaction: "transaction",
};

/** The thirteen points of a request's life, from the rows that the crash test runs. */
export const POINTS: readonly (Row & { readonly main: number })[] = ROWS.filter(
  (row): row is Row & { readonly main: number } => row.main !== null,
).sort((a, b) => a.main - b.main);

/** After a kill. What the crash test expects, said in the words of the page; a test compares the two. */
export function settlerAt(row: Row, column: Column): Settler {
  const given = row.given(column);
  if (typeof given === "string") return "-";
  // Null: a mark before the dispatch makes no difference there.
  if (given === null) return settlerAt(row, "none");
  if (askedIn(row, column, "died") === "a person") return "a person";
  if (column === "none" || column === "none + mark" || column === "transaction") return "alone";
  if (askedIn(row, "none", "died") === "nobody") return "alone";
  return column === "probe" ? "the probe" : "the key";
}

type Lane = "caller" | "process" | "store" | "world";

const LANES: Readonly<Record<Lane, readonly [x: number, name: string]>> = {
  caller: [44, "caller"],
  process: [124, "process"],
  store: [228, "store"],
  world: [332, "outside"],
};

/** What happens on the wire before a point is reached, and where the process stands when it dies there. */
interface Moment {
  readonly send?: readonly [from: Lane, to: Lane, words: string];
  readonly dies: Lane;
}

const MOMENTS: Readonly<Record<number, Moment>> = {
  1: { send: ["caller", "process", "execute"], dies: "process" },
  2: { send: ["process", "store", "claim"], dies: "store" },
  3: { send: ["store", "process", "claimed"], dies: "process" },
  4: { dies: "process" },
  5: { send: ["process", "world", "send"], dies: "world" },
  6: { send: ["world", "process", "reply"], dies: "process" },
  7: { send: ["process", "store", "record"], dies: "store" },
  8: { send: ["store", "process", "recorded"], dies: "process" },
  9: { send: ["process", "store", "retry_wait"], dies: "process" },
  10: { send: ["process", "store", "in_doubt"], dies: "store" },
  11: { send: ["process", "world", "probe"], dies: "world" },
  12: { send: ["process", "world", "send again"], dies: "world" },
  13: { send: ["caller", "store", "approve"], dies: "store" },
};

const CHAPTERS: Readonly<Record<number, string>> = {
  1: "The first attempt",
  9: "When it was not settled at once",
  13: "When a person had to agree",
};

const TONES: Readonly<Record<Settler, Tone>> = {
  alone: "good",
  "the probe": "moving",
  "the key": "moving",
  "a person": "doubt",
  "-": "plain",
};

const DOWN = 46;
const CHAPTER = 30;
const TOP = 62;
const WORDS_AT = 386;
const CELLS_AT = 604;
const CELL = 82;

export function crashTimeline(): Diagram {
  const names = Object.keys(CAPABILITIES);
  const width = CELLS_AT + names.length * CELL + 8;
  let y = TOP;
  const rows: string[] = [];
  for (const row of POINTS) {
    const chapter = CHAPTERS[row.main];
    if (chapter !== undefined) {
      rows.push(
        rectangle({ x: 0, y, width, height: CHAPTER - 4 }, "band", 4),
        text(chapter, 14, y + 18, "head", "start"),
      );
      y += CHAPTER;
    }
    rows.push(pointAt(row, y + DOWN / 2));
    y += DOWN;
  }
  const height = y + 8;
  const body = [
    ...Object.values(LANES).flatMap(([x, name]) => [
      text(name, x, 42, "head"),
      line(`M${x} ${TOP - 10} V${height - 8}`, "life", false),
    ]),
    text("dies here; the store shows", WORDS_AT, 42, "head", "start"),
    text("who settles it, where the action has", CELLS_AT, 22, "dim", "start"),
    ...names.map((name, n) => text(short(name), CELLS_AT + (n + 0.5) * CELL - 3, 44, "code")),
    ...rows,
  ];
  return {
    name: "crash-timeline",
    title: "One execution, and the thirteen points at which it can die",
    description: inWords(),
    width,
    height,
    body: body.join(""),
  };
}

function pointAt(row: Row & { readonly main: number }, y: number): string {
  const { send, dies } = momentOf(row.main);
  const x = LANES[dies][0];
  const arrow = send ? message(send, y) : "";
  const cells = Object.entries(CAPABILITIES).map(([, column], n) => {
    const settler = settlerAt(row, column);
    const left = CELLS_AT + n * CELL;
    if (settler === "-") return text("-", left + CELL / 2 - 3, y + 5, "dim");
    const box = { x: left, y: y - 13, width: CELL - 6, height: 26 };
    return (
      rectangle(box, TONES[settler], 13) +
      text(settler.replace("the ", ""), left + CELL / 2 - 3, y + 4, `word ${TONES[settler]}`)
    );
  });
  return [
    `<g${attributes({ "data-point": row.main })}>`,
    arrow,
    `<circle${attributes({ cx: x, cy: y, r: 11, class: "bad" })}/>`,
    text(String(row.main), x, y + 4.5, "word bad"),
    text(row.title, WORDS_AT, y - 3, "word", "start"),
    text(shown(row), WORDS_AT, y + 13, "small", "start"),
    ...cells,
    "</g>",
  ].join("");
}

function message([from, to, words]: NonNullable<Moment["send"]>, y: number): string {
  const [start, end] = [LANES[from][0], LANES[to][0]];
  const toward = end > start ? 1 : -1;
  // Words stand in the first stretch of a long way, and off the mark where the process dies at its beginning.
  const near = Math.abs(end - start) > 150 ? start + toward * 52 : (start + end) / 2;
  const middle = near + toward * 4;
  return line(`M${start} ${y} H${end - toward * 12}`, "edge") + text(words, middle, y - 6, "code small");
}

function momentOf(main: number): Moment {
  const moment = MOMENTS[main];
  if (moment === undefined) throw new Error(`Point ${main} of the crash matrix has no place on the timeline.`);
  return moment;
}

function short(name: string): string {
  return name.replace("probe, probe + key", "probe").replace("none + mark", "none+mark");
}

function shown({ shows, showsCommitted }: Row): string {
  const words = (state: Row["shows"]): string =>
    [state]
      .flat()
      .map((one) => (one === "absent" ? "nothing" : one))
      .join(" or ");
  return showsCommitted === undefined ? words(shows) : `${words(shows)}; transaction: ${words(showsCommitted)}`;
}

function inWords(): string {
  return POINTS.map((row) => {
    const who = Object.entries(CAPABILITIES).map(([name, column]) => `${name}: ${settlerAt(row, column)}`);
    return `${row.main}, ${row.title}: the store shows ${shown(row)}. Settled by: ${who.join(", ")}.`;
  }).join(" ");
}
