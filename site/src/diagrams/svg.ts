/** What a colour means, as in the console and on the terminal. */
export type Tone = "good" | "bad" | "doubt" | "held" | "moving" | "over" | "plain";

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Diagram {
  /** The file, without `.svg`. */
  readonly name: string;
  readonly title: string;
  /** All of it in words, for whoever does not see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  /** The drawing itself, inside the `svg` element. */
  readonly body: string;
}

export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** An attribute list; nothing for what is undefined. */
export function attributes(values: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [` ${name}="${escapeXml(String(value))}"`]))
    .join("");
}

export function text(
  words: string,
  x: number,
  y: number,
  kind = "word",
  anchor: "start" | "middle" | "end" = "middle",
): string {
  return `<text${attributes({ x: round(x), y: round(y), class: kind, "text-anchor": anchor })}>${escapeXml(words)}</text>`;
}

export function rectangle({ x, y, width, height }: Box, kind: string, radius = 7): string {
  const at = { x: round(x), y: round(y), width: round(width), height: round(height) };
  return `<rect${attributes({ ...at, rx: radius, class: kind })}/>`;
}

export function line(path: string, kind: string, arrow = true, data: Readonly<Record<string, string>> = {}): string {
  return `<path${attributes({ d: path, class: kind, "marker-end": arrow ? "url(#arrow)" : undefined, ...data })}/>`;
}

/** How wide a text is drawn, generously: fonts differ. */
export function widthOf(words: string, size: number): number {
  return words.length * size * 0.58;
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const ARROW =
  '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 0.5 L8 4 L0 7.5 z" class="head"/></marker></defs>';

/**
 * As part of a page, whose style sheet colours it. Every diagram has its own names for its marker and its texts, because
 * a page may hold several.
 */
export function inline(diagram: Diagram): string {
  const { name, title, description, width, height } = diagram;
  const body = diagram.body.replaceAll("url(#arrow)", `url(#${name}-arrow)`);
  const defs = ARROW.replace('id="arrow"', `id="${name}-arrow"`);
  // It shrinks a little before it has to be scrolled, and never grows.
  const style = `min-width:${Math.round(width * 0.84)}px;max-width:${width}px`;
  const size = { viewBox: `0 0 ${width} ${height}`, style };
  const aria = { role: "img", "aria-labelledby": `${name}-title ${name}-words` };
  return [
    `<div${attributes({ class: "diagram", role: "region", tabindex: 0, "aria-label": `${title} (drawing)` })}>`,
    `<svg${attributes({ xmlns: "http://www.w3.org/2000/svg", ...size, ...aria })}>`,
    `<title id="${name}-title">${escapeXml(title)}</title><desc id="${name}-words">${escapeXml(description)}</desc>`,
    `${defs}${body}</svg></div>`,
  ].join("");
}

/** As a file that stands alone, for readers of the Markdown. It follows the colours of the system. */
export function standalone({ title, description, width, height, body }: Diagram): string {
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<desc>${escapeXml(description)}</desc>`,
    `<style>${STYLE}</style>`,
    ARROW,
    rectangle({ x: 0, y: 0, width, height }, "page", 0),
    body.replaceAll("><", ">\n<"),
    "</svg>",
  ].join("\n")}\n`;
}

const TONES: readonly Exclude<Tone, "plain">[] = ["good", "bad", "doubt", "held", "moving", "over"];

/** [text, tint], light and dark; packages/dashboard/src/style/base.css has the same. */
const COLOURS: Readonly<Record<(typeof TONES)[number], readonly [string, string, string, string]>> = {
  good: ["#17663a", "#e2f3e9", "#6fd49a", "#16301f"],
  bad: ["#a8251f", "#fbe9e7", "#ff9a90", "#3a1a18"],
  doubt: ["#7c4f00", "#fdf0d2", "#f2c14e", "#352806"],
  held: ["#77308f", "#f5e8fa", "#dda3f2", "#301a38"],
  moving: ["#0a5d75", "#def2f7", "#73cfe8", "#0f2d36"],
  over: ["#55616e", "#eceff2", "#9aa7b4", "#232b33"],
};

const STYLE = [
  "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif;fill:#15202b}",
  "text.name,text.code{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}",
  "text.name{font-weight:600}text.code,text.small{font-size:11.5px}text.head{font-weight:650}text.small,text.dim{fill:#55616e}",
  ".page{fill:#ffffff}.edge,.life{fill:none;stroke:#7d8894;stroke-width:1.5}.life{stroke-dasharray:3 4;stroke-width:1}",
  "rect.plain{fill:none;stroke:#7d8894;stroke-dasharray:4 3}.head{fill:#7d8894}.behind{fill:#ffffff}.band{fill:#f6f7f9}",
  ...TONES.map((tone) => {
    const [ink, tint] = COLOURS[tone];
    return `rect.${tone},circle.${tone}{fill:${tint};stroke:${ink}}text.${tone}{fill:${ink}}`;
  }),
  "@media (prefers-color-scheme: dark){text{fill:#e6ebf0}text.small,text.dim{fill:#9aa7b4}.page,.behind{fill:#101418}.band{fill:#171c22}",
  ".edge,.life{stroke:#748290}.head{fill:#748290}",
  ...TONES.map((tone) => {
    const [, , ink, tint] = COLOURS[tone];
    return `rect.${tone},circle.${tone}{fill:${tint};stroke:${ink}}text.${tone}{fill:${ink}}`;
  }),
  "}",
].join("");
