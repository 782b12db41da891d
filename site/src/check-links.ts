import { existsSync, globSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { BASE, DIST, REPOSITORY, ROOT } from "./addresses.ts";

const HREF = /<(?:a|link|img|iframe|script)\b[^>]*?\s(?:href|src)="([^"]*)"/g;
const ID = /\sid="([^"]+)"/g;

/**
 * Every link of the built site, anchors included. Links into the repository are checked against the files here; other
 * hosts are not asked.
 *
 * @param folder of the built site, with a slash at the end
 * @returns the dead ones, as `page: target`
 */
export function deadLinks(folder: string = DIST): readonly string[] {
  const pages = globSync("**/*.html", { cwd: folder }).map((path) => path.replaceAll("\\", "/"));
  const ids = new Map<string, ReadonlySet<string>>();
  const html = new Map(pages.map((page) => [page, readFileSync(`${folder}${page}`, "utf8")]));
  for (const [page, text] of html) ids.set(page, new Set([...text.matchAll(ID)].map(([, id]) => decode(id ?? ""))));
  return [...html].flatMap(([page, text]) =>
    [...new Set([...text.matchAll(HREF)].map(([, target]) => decode(target ?? "")))]
      .filter((target) => isDead(folder, page, target, ids))
      .map((target) => `${page}: ${target}`),
  );
}

function isDead(folder: string, page: string, target: string, ids: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  if (target.startsWith(`${REPOSITORY}/`)) return !isInRepository(target);
  if (/^[a-z]+:/.test(target)) return false;
  const [path = "", anchor] = target.split("#", 2);
  const file = fileOf(folder, page, path);
  if (file === null || !existsSync(`${folder}${file}`)) return true;
  return anchor !== undefined && anchor !== "" && !(ids.get(file)?.has(decodeURIComponent(anchor)) ?? false);
}

function fileOf(folder: string, page: string, path: string): string | null {
  if (path === "") return page;
  if (path.startsWith("/") && !path.startsWith(BASE)) return null;
  const file = path.startsWith("/") ? path.slice(BASE.length) : posix.join(posix.dirname(page), path);
  const whole = file === "" || file === "." || file.endsWith("/") ? posix.join(file, "index.html") : file;
  return posix.extname(whole) === "" || !existsSync(`${folder}${whole}`) ? `${whole}.html` : whole;
}

function isInRepository(target: string): boolean {
  const path = /\/(?:blob|tree)\/main\/([^#?]*)/.exec(target)?.[1];
  return path === undefined || existsSync(`${ROOT}${path}`);
}

function decode(text: string): string {
  return text.replaceAll("&amp;", "&").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<");
}
