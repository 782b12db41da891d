import { attributes, type Box, type Diagram, line, rectangle, round, type Tone, text, widthOf } from "./svg.ts";

/** A state in a drawing: where it stands is the one thing that is said by hand. */
export interface Place {
  readonly name: string;
  readonly tone: Tone;
  readonly column: number;
  readonly row: number;
}

/** What leads from one state to another, or to itself. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly labels: readonly string[];
}

export interface Graph extends Pick<Diagram, "name" | "title" | "description"> {
  readonly places: readonly Place[];
  readonly arrows: readonly Arrow[];
  /** Pixels from one column, and one row, to the next. */
  readonly step?: readonly [x: number, y: number];
}

interface Placed extends Place {
  readonly box: Box;
  /** Events that leave it where it is. */
  readonly stays: readonly string[];
}

interface Drawn extends Arrow {
  readonly path: readonly (readonly [number, number])[];
  readonly label: Box;
}

const SIZE = { width: 122, height: 40 };
const LINE = 15;
const PAD = 14;

/** The same boxes and lines as they are drawn, so that what lies on top of what can be checked. */
export function layout({ places, arrows, step = [220, 120] }: Graph): {
  readonly boxes: readonly Placed[];
  readonly lines: readonly Drawn[];
  readonly width: number;
  readonly height: number;
} {
  const boxes = places.map((place): Placed => {
    const stays = arrows.filter(({ from, to }) => from === place.name && to === place.name).flatMap((a) => a.labels);
    const widest = Math.max(
      SIZE.width,
      widthOf(place.name, 13.5) + 20,
      ...stays.map((label) => widthOf(`stays: ${label}`, 11.5) + 16),
    );
    const height = SIZE.height + stays.length * LINE;
    const x = place.column * step[0] + (SIZE.width - widest) / 2;
    const y = place.row * step[1] - height / 2;
    return { ...place, stays, box: { x, y, width: widest, height } };
  });
  const left = PAD - Math.min(...boxes.map(({ box }) => box.x));
  const top = PAD - Math.min(...boxes.map(({ box }) => box.y));
  const shifted = boxes.map((one) => ({ ...one, box: { ...one.box, x: one.box.x + left, y: one.box.y + top } }));
  const at = new Map(shifted.map((one) => [one.name, one]));
  const lines = arrows.filter(({ from, to }) => from !== to).map((arrow) => draw(arrow, arrows, at));
  const all = [...shifted.map(({ box }) => box), ...lines.map(({ label }) => label)];
  return {
    boxes: shifted,
    lines,
    width: Math.ceil(Math.max(...all.map(({ x, width }) => x + width)) + PAD),
    height: Math.ceil(Math.max(...all.map(({ y, height }) => y + height)) + PAD),
  };
}

function draw(arrow: Arrow, arrows: readonly Arrow[], at: ReadonlyMap<string, Placed>): Drawn {
  const from = at.get(arrow.from);
  const to = at.get(arrow.to);
  if (!from || !to) throw new Error(`${arrow.from} -> ${arrow.to}: a state has no place.`);
  const isTwoWay = arrows.some((other) => other.from === arrow.to && other.to === arrow.from);
  const [a, b] = [middle(from.box), middle(to.box)];
  const length = Math.hypot(b[0] - a[0], b[1] - a[1]);
  // Two ways between the same states run side by side, each on its own right.
  const aside = isTwoWay ? 16 : 0;
  const offset = [(-(b[1] - a[1]) / length) * aside, ((b[0] - a[0]) / length) * aside] as const;
  const [onA, onB] = [moved(a, offset), moved(b, offset)];
  const start = border(from.box, onA, onB);
  const end = border(to.box, onB, onA);
  const width = Math.max(...arrow.labels.map((label) => widthOf(label, 12))) + 6;
  const height = arrow.labels.length * LINE + 2;
  const centre = [(start[0] + end[0]) / 2, (start[1] + end[1]) / 2] as const;
  const flat = Math.abs(end[1] - start[1]) < 12;
  // On a level line the words stand above it (or below the one that comes back), everywhere else on it.
  const lift = flat ? (offset[1] > 0 ? height / 2 + 4 : -height / 2 - 4) : 0;
  const sideways = isTwoWay && !flat ? Math.sign(offset[0]) * (width / 2 + 4) : 0;
  const label = { x: centre[0] - width / 2 + sideways, y: centre[1] - height / 2 + lift, width, height };
  return { ...arrow, path: [start, end], label };
}

function moved([x, y]: readonly [number, number], by: readonly [number, number]): readonly [number, number] {
  return [x + by[0], y + by[1]];
}

function middle({ x, y, width, height }: Box): readonly [number, number] {
  return [x + width / 2, y + height / 2];
}

/** Where a line that starts at `from`, inside the box, leaves it on its way to `to`. */
function border(
  { x, y, width, height }: Box,
  from: readonly [number, number],
  to: readonly [number, number],
): readonly [number, number] {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const across = dx === 0 ? Number.POSITIVE_INFINITY : ((dx > 0 ? x + width : x) - from[0]) / dx;
  const down = dy === 0 ? Number.POSITIVE_INFINITY : ((dy > 0 ? y + height : y) - from[1]) / dy;
  const part = Math.min(across, down);
  return [from[0] + dx * part, from[1] + dy * part];
}

/** What a reader would stumble over: words on words, words on a box, a line through a box. */
export function problemsOf(graph: Graph): readonly string[] {
  const { boxes, lines } = layout(graph);
  const problems: string[] = [];
  for (const [n, drawn] of lines.entries()) {
    const name = `${drawn.from} -> ${drawn.to}`;
    for (const other of lines.slice(n + 1)) {
      if (overlap(drawn.label, other.label)) problems.push(`${name}: its words lie on ${other.from} -> ${other.to}`);
    }
    for (const other of lines) {
      if (other !== drawn && crosses(other.path, drawn.label)) {
        problems.push(`${name}: its words lie on the line ${other.from} -> ${other.to}`);
      }
    }
    for (const { name: state, box } of boxes) {
      if (overlap(drawn.label, box)) problems.push(`${name}: its words lie on ${state}`);
      if (state !== drawn.from && state !== drawn.to && crosses(drawn.path, box)) {
        problems.push(`${name}: runs through ${state}`);
      }
    }
  }
  for (const [n, one] of boxes.entries()) {
    for (const other of boxes.slice(n + 1)) {
      if (overlap(one.box, other.box)) problems.push(`${one.name} lies on ${other.name}`);
    }
  }
  return problems;
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function crosses([start = [0, 0], end = [0, 0]]: Drawn["path"], box: Box): boolean {
  return Array.from({ length: 101 }, (_, n) => n / 100).some((part) => {
    const [x, y] = [start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part];
    return x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height;
  });
}

export function graphDiagram(graph: Graph): Diagram {
  const { name, title, description } = graph;
  const { boxes, lines, width, height } = layout(graph);
  const body = [
    ...lines.map(({ from, to, labels, path: [start, end] }) =>
      line(`M${start?.map(round).join(" ")} L${end?.map(round).join(" ")}`, "edge", true, {
        "data-from": from,
        "data-to": to,
        "data-on": labels.join(" "),
      }),
    ),
    ...lines.map(({ label }) => rectangle(label, "behind", 3)),
    ...lines.flatMap(({ labels, label }) =>
      labels.map((words, n) => text(words, label.x + label.width / 2, label.y + 12.5 + n * LINE, "code")),
    ),
    ...boxes.map((one) => state(one)),
  ];
  return { name, title, description, width, height, body: body.join("") };
}

function state({ name, tone, box, stays }: Placed): string {
  const x = box.x + box.width / 2;
  return [
    `<g${attributes({ "data-state": name })}>`,
    rectangle(box, tone),
    text(name === "absent" ? "(nothing)" : name, x, box.y + 25, name === "absent" ? `dim` : `name ${tone}`),
    ...stays.map((label, n) => text(`stays: ${label}`, x, box.y + 41 + n * LINE, "code small")),
    "</g>",
  ].join("");
}
