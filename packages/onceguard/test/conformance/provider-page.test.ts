import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { withTables } from "../support/provider-tables.ts";

// To write them anew after a change of the catalogue: ONCEGUARD_UPDATE_DOCS=1 vitest run provider-page
test("the tables in docs/providers.md are those of the catalogue", () => {
  const path = new URL("../../../../docs/providers.md", import.meta.url);
  const page = readFileSync(path, "utf8");
  const generated = withTables(page);
  if (process.env.ONCEGUARD_UPDATE_DOCS) writeFileSync(path, generated);
  else expect(page).toBe(generated);
});
