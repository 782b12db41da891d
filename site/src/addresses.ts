import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The root of the repository, with a slash at the end. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

export const DOCS: string = `${ROOT}docs/`;

/** What the build writes: the pages as VitePress reads them, and the site. Both are git-ignored. */
export const CONTENT: string = `${ROOT}site/content/`;
export const DIST: string = `${ROOT}site/dist/`;

/** Where the repository is on the web. Every link out of the pages into the code is made from this. */
export const REPOSITORY: string = repositoryUrl();

/** Where the site lives on its host. */
export const BASE: string = process.env.ONCEGUARD_SITE_BASE ?? "/";

/** A file or folder of the repository on the web. */
export function inRepository(path: string): string {
  return `${REPOSITORY}/${path.endsWith("/") ? "tree" : "blob"}/main/${path}`;
}

function repositoryUrl(): string {
  const { repository } = JSON.parse(readFileSync(`${ROOT}packages/onceguard/package.json`, "utf8")) as {
    repository: { url: string };
  };
  return repository.url.replace(/^git\+/, "").replace(/\.git$/, "");
}
