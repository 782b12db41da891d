import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TRANSITIONS } from "../../packages/onceguard/src/core/lifecycle.ts";
import { STATES } from "../../packages/onceguard/src/core/receipt.ts";
import { createGuard, defineAction } from "../../packages/onceguard/src/index.ts";
import { memoryStore } from "../../packages/onceguard/src/stores/memory/memory-store.ts";
import { DOCS } from "../src/addresses.ts";
import { CAPABILITIES, crashTimeline, POINTS, settlerAt } from "../src/diagrams/crash-timeline.ts";
import { finalityDiagram, finalityGraph, finalitySteps } from "../src/diagrams/finality.ts";
import { problemsOf } from "../src/diagrams/graph.ts";
import { identityLadder, RUNGS } from "../src/diagrams/identity-ladder.ts";
import { diagrams } from "../src/diagrams/index.ts";
import {
  lifecycleDiagrams,
  PARTS,
  partGraph,
  stepsOf,
  tableDiagram,
  transitionTable,
} from "../src/diagrams/lifecycle.ts";
import { CONDITIONS } from "../src/diagrams/lifecycle-words.ts";
import { inline } from "../src/diagrams/svg.ts";
import { drawnFiles } from "../src/draw.ts";
import { rowsOf } from "../src/markdown.ts";

describe("the state machine", () => {
  it("draws every step of the transition table, and no other, in its parts", () => {
    const drawn = PARTS.flatMap((part) =>
      partGraph(part).arrows.flatMap(({ from, to, labels }) => labels.map((on) => `${from} ${on} ${to}`)),
    );
    // Late evidence that changes nothing may come in every state, and is said in words.
    const expected = stepsOf()
      .filter(({ from, on, to }) => !(from === to && (on === "late_success" || on === "late_denial")))
      .map(({ from, on, to }) => `${from} ${on} ${to}`);
    expect([...drawn].sort()).toEqual([...expected].sort());
  });

  it("has every state and every step in the drawings themselves", () => {
    const all = lifecycleDiagrams()
      .map(({ body }) => body)
      .join("");
    for (const state of STATES) expect(all).toContain(`data-state="${state}"`);
    for (const part of PARTS) {
      const { body } = lifecycleDiagrams().find(({ name }) => name === part.name) ?? { body: "" };
      for (const { from, to, labels } of partGraph(part).arrows) {
        if (from !== to) expect(body).toContain(`data-from="${from}" data-to="${to}" data-on="${labels.join(" ")}"`);
        for (const label of labels) expect(body).toContain(from === to ? `>stays: ${label}<` : `>${label}<`);
      }
    }
  });

  it("has every row in the large drawing and in the table of the page", () => {
    const { body } = tableDiagram();
    const rows = rowsOf(transitionTable());
    expect(rows).toHaveLength(TRANSITIONS.length);
    for (const { row, from, on, to } of TRANSITIONS) {
      expect(body).toContain(`data-row="${row}" data-from="${from.join(" ")}" data-on="${on}" data-to="${to}"`);
    }
  });

  it("says the condition of every row that has one, and of no other", () => {
    const conditional = TRANSITIONS.filter(({ when }) => when).map(({ row, on, to }) => `${row} ${on} ${to}`);
    expect([...new Set(conditional)].sort()).toEqual(Object.keys(CONDITIONS).sort());
  });
});

describe("finality", () => {
  it("is what the code does: asked, and not copied", () => {
    const steps = finalitySteps().map(({ from, on, to }) => `${from} ${on} ${to}`);
    expect(steps).toEqual(
      expect.arrayContaining([
        "OPEN signal RESOLVED_PROVISIONAL",
        "OPEN signal IN_RECONCILIATION",
        "RESOLVED_PROVISIONAL signal IN_RECONCILIATION",
        "IN_RECONCILIATION signal RESOLVED_PROVISIONAL",
        "IN_RECONCILIATION evaluate FINAL",
        "IN_RECONCILIATION finalize FINAL",
        "RESOLVED_PROVISIONAL evaluate FINAL",
        "FINAL settle SETTLED",
      ]),
    );
    expect(steps.filter((step) => step.startsWith("FINAL") || step.startsWith("SETTLED"))).toEqual([
      "FINAL settle SETTLED",
    ]);
    for (const { from, to } of finalitySteps())
      expect(finalityDiagram().body).toContain(`data-from="${from}" data-to="${to}"`);
  });
});

describe("the crash timeline", () => {
  it("has the thirteen points, once each, in order", () => {
    expect(POINTS.map(({ main }) => main)).toEqual(Array.from({ length: 13 }, (_, n) => n + 1));
    for (const { main, title } of POINTS) {
      expect(crashTimeline().body).toContain(`data-point="${main}"`);
      expect(crashTimeline().body).toContain(`>${title}<`);
    }
  });

  it("says who settles what, as the table of the crash matrix does", () => {
    const matrix = readFileSync(`${DOCS}crash-matrix.md`, "utf8");
    const table = /^\| # \|.*(?:\n\|.*)+/m.exec(matrix)?.[0] ?? "";
    const expected = POINTS.map((row) => [
      String(row.main),
      row.title,
      ...Object.values(CAPABILITIES).map((column) => settlerAt(row, column)),
    ]);
    expect(rowsOf(table).map(([number, title, , ...who]) => [number, title, ...who])).toEqual(expected);
  });
});

it("climbs the identity ladder as a guard does, best rung first", async () => {
  const options = { name: "act", riskTier: "side_effecting", execute: () => null } as const;
  const withKey = createGuard({
    store: memoryStore(),
    actions: [defineAction({ ...options, keyFields: ["id"] })],
  });
  const without = createGuard({ store: memoryStore(), actions: [defineAction(options)] });
  const host = { scope: "thread", callId: "call" };
  const outcomes = [
    await withKey.execute("act", { id: "1" }, { requestId: "r", host }),
    await without.execute("act", { id: "1" }, { requestId: "r", host }),
    await without.execute("act", { id: "1" }, { host }),
    await without.execute("act", { id: "1" }),
  ];
  expect(outcomes.map(({ receipt }) => receipt?.keySource)).toEqual(Object.keys(RUNGS));
  const { body } = identityLadder();
  const at = Object.keys(RUNGS).map((rung) => body.indexOf(`>${rung}<`));
  expect(at).toEqual([...at].sort((a, b) => a - b));
  await withKey.close();
  await without.close();
});

it("is legible: no words on words, no words on a line of another, no line through a box", () => {
  for (const part of PARTS) expect(problemsOf(partGraph(part)), part.name).toEqual([]);
  expect(problemsOf(finalityGraph())).toEqual([]);
  const [one, ...others] = partGraph(PARTS[0] as (typeof PARTS)[number]).places;
  const onTop = {
    ...partGraph(PARTS[0] as (typeof PARTS)[number]),
    places: [one, ...others].map((place) => ({ ...place, row: 0 })),
  };
  expect(problemsOf(onTop as ReturnType<typeof partGraph>)).not.toEqual([]);
});

it("can be read without being seen, and has names of its own on a page with others", () => {
  const ids = diagrams().flatMap((diagram) => [...inline(diagram).matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id));
  expect(new Set(ids).size).toBe(ids.length);
  for (const diagram of diagrams()) {
    expect(inline(diagram)).toContain(`aria-labelledby="${diagram.name}-title ${diagram.name}-words"`);
    expect(diagram.description.length).toBeGreaterThan(40);
    expect(inline(diagram)).not.toMatch(/<style|\{\{/);
  }
});

it("is as it stands in docs/: run `node site/draw.ts` after a change", () => {
  for (const [path, text] of drawnFiles()) expect(readFileSync(`${DOCS}${path}`, "utf8") === text, path).toBe(true);
});
