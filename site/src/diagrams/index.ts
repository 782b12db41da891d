import { crashTimeline } from "./crash-timeline.ts";
import { finalityDiagram } from "./finality.ts";
import { identityLadder } from "./identity-ladder.ts";
import { lifecycleDiagrams } from "./lifecycle.ts";
import type { Diagram } from "./svg.ts";

/** Every drawing of the documentation, each made from the code that it shows. */
export function diagrams(): readonly Diagram[] {
  return [identityLadder(), ...lifecycleDiagrams(), finalityDiagram(), crashTimeline()];
}
