import { contents, FOLDERS, pagesOfFolder } from "./contents.ts";
import { onSite } from "./copy-pages.ts";
import { subpaths } from "./reference/subpaths.ts";
import { slugOf } from "./slug.ts";

interface Item {
  readonly text: string;
  readonly link?: string;
  readonly collapsed?: boolean;
  readonly items?: Item[];
}

/** The tables of docs/README.md as a sidebar, with what has a table of contents of its own below its page. */
export function sidebar(): Item[] {
  return contents().map(({ title, pages }, n) => ({
    text: title,
    // A section that is a link, too, is no button around another one.
    link: `/contents#${slugOf(title)}`,
    collapsed: n > 2,
    items: [
      ...pages.map(({ path, title: text }) => {
        const folder = FOLDERS.find((name) => path.startsWith(`${name}/`));
        const link = linkTo(onSite(path));
        if (folder === undefined) return { text, link };
        const items = pagesOfFolder(folder).map((page) => ({ text: page.title, link: linkTo(page.path) }));
        return { text, link, collapsed: true, items };
      }),
      ...(title === "Reference" ? [reference()] : []),
    ],
  }));
}

function reference(): Item {
  const items = subpaths().map(({ specifier, page }) => ({ text: specifier, link: linkTo(page) }));
  return { text: "Every export", link: "/reference/", collapsed: true, items };
}

export function navigation(): { text: string; link: string; activeMatch?: string }[] {
  return [
    { text: "Start", link: "/getting-started" },
    { text: "Concepts", link: "/concepts" },
    { text: "Demo", link: "/demo" },
    { text: "All pages", link: "/contents" },
    { text: "Reference", link: "/reference/", activeMatch: "^/reference/" },
    { text: "Errors", link: "/errors/", activeMatch: "^/errors/" },
  ];
}

function linkTo(page: string): string {
  return `/${page.replace(/(^|\/)index\.md$/, "$1").replace(/\.md$/, "")}`;
}
