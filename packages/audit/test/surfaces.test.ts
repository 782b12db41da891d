import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { nameMatches, namesIn } from "../scripts/catalogue-names.ts";
import { SINKS } from "../src/catalogue/sinks.ts";

/** Names that the declarations of real packages have: `node scripts/refresh-surfaces.ts` writes them down. */
const SURFACES = JSON.parse(readFileSync(new URL("surfaces.json", import.meta.url), "utf8")) as Record<
  string,
  { version: string; names: string[] }
>;

const recorded = SINKS.filter((sink) => sink.packages.every((name) => SURFACES[name]));

describe("the catalogue, against the declarations of real packages", () => {
  it("has the packages that money and messages go through", () => {
    expect(recorded.map((one) => one.id)).toEqual(
      expect.arrayContaining(["stripe", "square", "plaid", "resend", "postmark", "twilio", "notion", "sqs", "svix"]),
    );
  });

  for (const sink of recorded) {
    const names = sink.packages.flatMap((one) => SURFACES[one]?.names ?? []);
    const version = sink.packages.map((one) => `${one}@${SURFACES[one]?.version}`).join(", ");
    it.each([...new Set([...sink.write, ...sink.natural])])(`${version} has %s`, (pattern) => {
      expect(namesIn(pattern).filter((name) => !names.some((one) => nameMatches(name, one)))).toEqual([]);
    });
  }
});
