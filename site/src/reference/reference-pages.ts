import type { Exported, Kind } from "./read-exports.ts";
import type { Subpath } from "./subpaths.ts";

type Exports = ReadonlyMap<Subpath, readonly Exported[]>;

const GROUPS: readonly (readonly [Kind, string])[] = [
  ["function", "Functions"],
  ["class", "Classes"],
  ["constant", "Constants"],
  ["type", "Types"],
];

/** There is no one file that such a page was made from. */
const FRONT = "---\neditLink: false\n---\n";

/** `onceguard/sqlite: SqliteDatabase`, for every public export without a docstring. */
export function undocumented(exports: Exports): readonly string[] {
  const homes = homesOf(exports);
  return [...exports].flatMap(([subpath, symbols]) =>
    symbols
      .filter(({ docs, origin }) => docs === "" && homes.get(origin) === subpath)
      .map(({ name }) => `${subpath.specifier}: ${name}`),
  );
}

/** One page per subpath, and one that lists them: file to Markdown. */
export function referencePages(exports: Exports, titleOfGuide: (guide: string) => string): ReadonlyMap<string, string> {
  const homes = homesOf(exports);
  const pages = new Map([["reference/index.md", indexPage(exports, titleOfGuide)]]);
  for (const [subpath, symbols] of exports)
    pages.set(subpath.page, pageOf(subpath, symbols, homes, namesOf(exports), titleOfGuide));
  return pages;
}

/** A symbol that several subpaths export is explained at the first of them. */
function homesOf(exports: Exports): ReadonlyMap<string, Subpath> {
  const homes = new Map<string, Subpath>();
  for (const [subpath, symbols] of exports) {
    for (const { origin } of symbols) if (!homes.has(origin)) homes.set(origin, subpath);
  }
  return homes;
}

function namesOf(exports: Exports): ReadonlyMap<string, string> {
  return new Map(
    [...exports].flatMap(([, symbols]) => symbols.map(({ origin, name }) => [origin, name] as const)).reverse(),
  );
}

function indexPage(exports: Exports, titleOfGuide: (guide: string) => string): string {
  const rows = [...exports].map(([{ specifier, page, guide }, symbols]) => {
    const first = symbols.filter(({ kind }) => kind !== "type").map(({ name }) => `\`${name}\``);
    return `| [\`${specifier}\`](${nameOf(page)}) | ${first.join(", ")} | [${titleOfGuide(guide)}](../${guide}) |`;
  });
  return [
    FRONT,
    "# Reference",
    "",
    "Every name that the package exports, by the path it is imported from, made from the docstrings of the code. The",
    "[command line](../command-line.md) and the [HTTP API](../http.md) have pages of their own.",
    "",
    "| import from | what is there, types aside | guide |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function pageOf(
  subpath: Subpath,
  symbols: readonly Exported[],
  homes: ReadonlyMap<string, Subpath>,
  names: ReadonlyMap<string, string>,
  titleOfGuide: (guide: string) => string,
): string {
  const own = symbols.filter(({ origin }) => homes.get(origin) === subpath);
  const others = symbols.filter(({ origin }) => homes.get(origin) !== subpath);
  const link = (origin: string): string => {
    const home = homes.get(origin);
    const target = home === subpath || home === undefined ? "" : nameOf(home.page);
    return `[\`${names.get(origin)}\`](${target}#${names.get(origin)})`;
  };
  const groups = GROUPS.flatMap(([kind, title]) => {
    const members = own.filter((one) => one.kind === kind);
    return members.length === 0 ? [] : [`## ${title}`, ...members.map((one) => section(one, homes, link))];
  });
  return [
    FRONT,
    `# ${subpath.specifier}`,
    `\`import { ... } from "${subpath.specifier}"\`. The guide: [${titleOfGuide(subpath.guide)}](../${subpath.guide}).`,
    ...groups,
    ...(others.length === 0 ? [] : ["## Also exported here", others.map(({ origin }) => link(origin)).join(", ")]),
  ].join("\n\n");
}

function section(
  { name, docs, tags, code, origin, uses }: Exported,
  homes: ReadonlyMap<string, Subpath>,
  link: (origin: string) => string,
): string {
  const of = (tag: string) => tags.filter((one) => one.name === tag && one.text !== "").map(({ text }) => text);
  const named = uses.filter((one) => one !== origin && homes.has(one));
  return [
    `### ${name} {#${name}}`,
    prose(docs),
    ...of("param").map((text) => `- \`${text.split(/\s/)[0]}\`: ${prose(text.replace(/^\S+\s*/, ""))}`),
    ...of("returns").map((text) => `Returns ${prose(text)}`),
    ...of("throws").map((text) => `Throws ${prose(text)}`),
    ...of("default").map((text) => `Default: ${prose(text)}`),
    ...of("example").map((text) => (text.startsWith("```") ? text : `\`\`\`ts\n${text}\n\`\`\``)),
    `\`\`\`ts\n${code}\n\`\`\``,
    ...(named.length === 0 ? [] : [`See ${named.map(link).join(", ")}.`]),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Words of a comment as Markdown: what looks like a tag is none. */
function prose(text: string): string {
  return text
    .split(/(```[\s\S]*?```|`[^`]*`)/)
    .map((part, n) => (n % 2 === 1 ? part : part.replaceAll("<", "&lt;").replaceAll("{{", "&#123;&#123;")))
    .join("");
}

function nameOf(page: string): string {
  return page.slice(page.lastIndexOf("/") + 1);
}
