import fc from "fast-check";
import { expect, it } from "vitest";
import { LineReader } from "./line-reader.ts";

it("cuts lines wherever the chunks end, and drops only what is too long", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary", maxLength: 60 })),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (texts, sizes) => {
        const lines = texts
          .map((text) => text.replace(/[\n\r]/g, " "))
          .filter((text) => text.isWellFormed() && text.trim() !== "");
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
        const reader = new LineReader(40);
        const read: unknown[] = [];
        for (let at = 0; at < bytes.length; ) {
          const size = sizes.next().value as number;
          for (const line of reader.push(bytes.subarray(at, at + size)))
            read.push("text" in line ? line.text : "too long");
          at += size;
        }
        expect(read).toEqual(lines.map((line) => (Buffer.byteLength(line) > 40 ? "too long" : line)));
      },
    ),
  );
});

it("keeps both ends of a line that is too long", () => {
  const reader = new LineReader(10);
  const [line] = [...reader.push(Buffer.from(`head${"x".repeat(5_000)}tail\n`))];
  expect(line).toMatchObject({ head: expect.stringMatching(/^head/), tail: expect.stringMatching(/tail$/) });
});
