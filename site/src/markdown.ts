/** A stretch of Markdown: prose, or code that nothing may touch. */
interface Stretch {
  readonly text: string;
  readonly code: boolean;
}

const CODE = /^(`{3,})[^\n]*\n[\s\S]*?^\1`*\s*$|(`+)(?!`)[\s\S]*?[^`]\2(?!`)/gm;
const LINK = /(!?\[(?:[^[\]]|\[[^\]]*\])*\])\(([^()\s]+)\)/g;

function stretches(markdown: string): readonly Stretch[] {
  const found: Stretch[] = [];
  let at = 0;
  for (const match of markdown.matchAll(CODE)) {
    found.push({ text: markdown.slice(at, match.index), code: false }, { text: match[0], code: true });
    at = match.index + match[0].length;
  }
  return [...found, { text: markdown.slice(at), code: false }];
}

/** Code is replaced by marks, so that a link whose words hold code is still one link. */
function withoutCode(markdown: string): { readonly text: string; readonly restore: (text: string) => string } {
  const codes: string[] = [];
  const text = stretches(markdown)
    .map((stretch) => (stretch.code ? `\u0001${codes.push(stretch.text) - 1}\u0001` : stretch.text))
    .join("");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the marks that were set above
  return { text, restore: (marked) => marked.replaceAll(/\u0001(\d+)\u0001/g, (_, n) => codes[Number(n)] ?? "") };
}

/** The targets of all links and images, in order; code has none. */
export function linksIn(markdown: string): readonly string[] {
  return [...withoutCode(markdown).text.matchAll(LINK)].map(([, , target]) => target as string);
}

/** The same Markdown with other links: `change` gets the target and the words in brackets. Code stays as it is. */
export function mapLinks(
  markdown: string,
  change: (target: string, words: string) => string | readonly [target: string, words: string],
): string {
  const { text, restore } = withoutCode(markdown);
  const changed = text.replaceAll(LINK, (_, words: string, target: string) => {
    const next = change(target, words);
    const [to, said] = typeof next === "string" ? [next, words] : next;
    return `${said}(${to})`;
  });
  return restore(changed);
}

/** The words of the first heading, without their marks. */
export function titleOf(markdown: string): string {
  const heading = /^# (.+)$/m.exec(markdown)?.[1];
  if (heading === undefined) throw new Error("A page has no heading of the first level.");
  return heading.replaceAll("`", "");
}

/** The first table below a heading (or of the page), as Markdown. */
export function firstTable(markdown: string): string {
  const table = /^\|.*(?:\n\|.*)+/m.exec(markdown)?.[0];
  if (table === undefined) throw new Error("There is no table.");
  return table;
}

/** The cells of a table's rows, head and rule left out. */
export function rowsOf(table: string): readonly (readonly string[])[] {
  return table
    .split("\n")
    .slice(2)
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}
