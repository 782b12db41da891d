import { readFileSync } from "node:fs";

/** The page's three files; beside the code in src, and copied there by the build in dist. */
export interface PageFiles {
  readonly html: string;
  readonly css: string;
  readonly script: string;
}

export function readPage(): PageFiles {
  const read = (name: string): string => readFileSync(new URL(`./page/${name}`, import.meta.url), "utf8");
  return { html: read("page.html"), css: read("page.css"), script: read("page.js") };
}

/** Where a page says what it loads. In a recording that is all there is, inline. */
export function fillPage(html: string, head: string, body: string): string {
  return html.replace("<!-- head -->", () => head).replace("<!-- script -->", () => body);
}
