import { defineConfig } from "vitepress";
import { BASE, CONTENT, DIST, REPOSITORY } from "../src/addresses.ts";
import { onSite } from "../src/copy-pages.ts";
import { navigation, sidebar } from "../src/sidebar.ts";
import { slugOf } from "../src/slug.ts";

export default defineConfig({
  title: "Onceguard",
  description: "The execution guard for AI agents: agents retry, side effects must not.",
  lang: "en",
  base: BASE,
  srcDir: CONTENT,
  outDir: DIST,
  cacheDir: "../node_modules/.cache/vitepress",
  // All links are checked when the site is built, anchors included: src/check-links.ts.
  ignoreDeadLinks: true,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: `${BASE}icon.svg` }]],
  // Pages are copies; the link at the end of each leads to what it was made from.
  transformPageData: ({ relativePath }) => ({ filePath: sourceOf(relativePath) }),
  markdown: {
    anchor: { slugify: slugOf },
    toc: { slugify: slugOf },
    config: (md) => void md.core.ruler.push("empty-heads", ({ tokens }) => emptyHeads(tokens)),
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
  },
  themeConfig: {
    logo: "/icon.svg",
    nav: navigation(),
    sidebar: sidebar(),
    outline: { level: [2, 3] },
    search: {
      provider: "local",
      options: {
        miniSearch: {
          // Names are found whole as well as by their parts: in_doubt, keyFields.
          options: { tokenize: (text) => text.split(/[\s\p{Z}\p{Ps}\p{Pe}\p{Pi}\p{Pf}\p{Po}\p{Pd}\p{S}]+/u) },
          searchOptions: { fuzzy: 0.15, prefix: true, boost: { title: 4, text: 2, titles: 1 } },
        },
      },
    },
    socialLinks: [{ icon: "github", link: REPOSITORY }],
    editLink: { pattern: `${REPOSITORY}/blob/main/:path`, text: "The source of this page" },
    footer: { message: "Apache-2.0" },
    docFooter: { prev: "Before", next: "Next" },
  },
});

/** A head without words is no heading, which a reader of the screen would be told of. */
function emptyHeads(tokens: { type: string; tag: string; content: string }[]): void {
  for (const [n, token] of tokens.entries()) {
    if (token.type !== "th_open" || tokens[n + 1]?.content !== "") continue;
    token.tag = "td";
    const close = tokens[n + 2];
    if (close) close.tag = "td";
  }
}

function sourceOf(page: string): string {
  if (page === "index.md") return "site/home.md";
  if (page === "demo.md") return "site/demo.md";
  return page === onSite("README.md") ? "docs/README.md" : `docs/${page.replace(/(^|\/)index\.md$/, "$1README.md")}`;
}
