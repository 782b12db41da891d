import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { HTTP_STATUS } from "../../src/core/outcome.ts";
import { problemUrl, TITLES } from "../../src/http/problem.ts";

describe("where a problem is explained", () => {
  const page = (name: string): string =>
    readFileSync(fileURLToPath(new URL(`../../../../docs/${name}`, import.meta.url)), "utf8");

  it.each(Object.keys(TITLES))("%s", (code) => {
    const [, name, anchor] = /\/docs\/([^#]+)#(.+)$/.exec(problemUrl(code as never)) ?? [];
    expect(page(name as string)).toMatch(new RegExp(`^### ${anchor}$`, "m"));
  });

  it.each(Object.keys(HTTP_STATUS))("outcome %s", (status) => {
    expect(page("outcomes.md")).toContain(`<a id="${status.replaceAll("_", "-")}"></a>\`${status}\``);
  });
});
