import type { KeySource } from "../../../packages/onceguard/src/core/request-id.ts";
import { type Diagram, line, rectangle, type Tone, text } from "./svg.ts";

interface Rung {
  readonly from: string;
  readonly holds: string;
  readonly tone: Tone;
}

/** Best first. The compiler sees to it that no rung is left out; a test climbs the ladder with a real guard. */
export const RUNGS: Readonly<Record<KeySource, Rung>> = {
  business_key: {
    from: "keyFields or key of the action",
    holds: "the same after a re-plan, whoever retries",
    tone: "good",
  },
  explicit: { from: "requestId of the call", holds: "the same as long as the caller keeps the id", tone: "good" },
  host_call: {
    from: "host: { scope, callId }",
    holds: "the same after a resume; new when the agent plans again",
    tone: "doubt",
  },
  content: {
    from: "the payload without its prose, in a scope",
    holds: "a suspicion: two equal calls may both be meant",
    tone: "doubt",
  },
};

const TOP = 62;
const DOWN = 66;
const NAME = 128;

export function identityLadder(): Diagram {
  const rungs = Object.entries(RUNGS);
  const width = 620;
  const body = rungs.flatMap(([name, { from, holds, tone }], n) => {
    const y = TOP + n * DOWN;
    const last = n === rungs.length - 1;
    return [
      ...(last ? [] : [line(`M${16 + NAME / 2} ${y + 42} V${y + DOWN - 3}`, "edge")]),
      rectangle({ x: 16, y, width: NAME, height: 42 }, tone),
      text(name, 16 + NAME / 2, y + 26, `name ${tone}`),
      text(from, 164, y + 18, "code", "start"),
      text(holds, 164, y + 36, "small", "start"),
      ...(last ? [] : [text("else", 16 + NAME / 2 + 10, y + 58, "small", "start")]),
    ];
  });
  const head = [
    text("keySource", 16 + NAME / 2, 34, "head"),
    text("the id comes from; it is", 164, 34, "head", "start"),
  ];
  return {
    name: "identity-ladder",
    title: "The identity ladder",
    description: `Where a request id comes from, best first. ${rungs
      .map(([name, { from, holds }]) => `${name}: ${from}; ${holds}.`)
      .join(" ")}`,
    width,
    height: TOP + rungs.length * DOWN,
    body: [...head, ...body].join(""),
  };
}
