import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { asksOf } from "../scripts/catalogue-names.ts";
import { SINKS } from "../src/catalogue/sinks.ts";

/** What the declarations of real packages answer: `node scripts/refresh-surfaces.ts` writes it down. */
const { packages, unread, excused, sinks } = JSON.parse(
  readFileSync(new URL("surfaces.json", import.meta.url), "utf8"),
) as {
  packages: Record<string, string>;
  /** Packages that were not read, with the reason. */
  unread: Record<string, string>;
  /** Patterns that the newest version need not have, with the reason. */
  excused: Record<string, Record<string, string>>;
  sinks: Record<string, Record<string, string>>;
};

const answers = SINKS.flatMap((sink) =>
  asksOf(sink).map((pattern) => ({
    sink,
    pattern,
    answer: sinks[sink.id]?.[pattern],
    excuse: excused[sink.id]?.[pattern],
  })),
);

describe("the catalogue, against the declarations of real packages", () => {
  it("has an answer for each pattern, or a reason why there is none", () => {
    const without = answers.filter(
      ({ sink, answer, excuse }) =>
        !excuse &&
        (answer === undefined ||
          answer === "missing" ||
          (answer === "unread" && !sink.packages.some((one) => unread[one]))),
    );
    expect(without.map(({ sink, pattern }) => `${sink.id}: ${pattern}`)).toEqual([]);
  });

  it("answers with a version that was read", () => {
    const versions = new Set(Object.entries(packages).map(([name, version]) => `${name}@${version}`));
    const said = answers.map((one) => one.answer).filter((one) => one !== undefined && one !== "unread");
    expect(said.filter((one) => !versions.has((one as string).replace(/^~/, "")))).toEqual([]);
  });

  it("has read the packages that money and messages go through", () => {
    expect(Object.keys(packages)).toEqual(
      expect.arrayContaining(
        "stripe square plaid resend postmark twilio svix @notionhq/client @aws-sdk/client-sqs".split(" "),
      ),
    );
  });

  it("says how much is not read, also on its page", () => {
    const count = (test: (one: (typeof answers)[number]) => boolean) => answers.filter(test).length;
    const open = count((one) => one.answer === "unread");
    const read = Object.keys(packages).length;
    const page = readFileSync(new URL("../../../docs/audit/README.md", import.meta.url), "utf8").replace(/\s+/g, " ");
    expect(page).toContain(`${read} of ${read + Object.keys(unread).length} packages are tested`);
    expect(page).toContain(`${open} of the ${answers.length.toLocaleString("en-US")} patterns`);
    expect({
      packages: read,
      unread: Object.keys(unread).length,
      patterns: answers.length,
      excused: count((one) => one.excuse !== undefined),
      open,
    }).toMatchInlineSnapshot(`
      {
        "excused": 44,
        "open": 665,
        "packages": 99,
        "patterns": 1419,
        "unread": 232,
      }
    `);
  });
});
