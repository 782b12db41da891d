/** What is fuzzed: the API over a guard in memory, whose effects are counted by the request that they belong to. */
import { createGuard, defineAction } from "onceguard";
import { serveHttp } from "onceguard/http";
import { memoryStore } from "onceguard/memory";

const effects = new Map<string, number>();
const input = {
  "~standard": {
    version: 1 as const,
    vendor: "fuzz",
    validate: (value: unknown) =>
      typeof (value as { ref?: unknown } | null)?.ref === "string"
        ? { value: value as { ref: string } }
        : { issues: [{ message: "a text is needed here", path: ["ref"] }] },
  },
};
const action = (name: string, keyFields?: string[]) =>
  defineAction({
    name,
    riskTier: "side_effecting",
    input,
    ...(keyFields && { keyFields }),
    record: ({ ref }) => `order:${ref}`.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, "_"),
    execute: async (payload, { requestId }) => {
      effects.set(requestId, (effects.get(requestId) ?? 0) + 1);
      if ((payload as { mode?: string }).mode === "lose") throw new Error("socket hang up");
      return payload;
    },
  });
const actions = [
  action("order", ["ref"]),
  action("careful", ["ref"]),
  action("strict"),
  action("windowed", ["ref", "note"]),
];
const guard = createGuard({
  store: memoryStore(),
  actions,
  sweepEvery: false,
  rules: [{ action: "careful", verdict: "review", reason: "needs a person" }],
});
const serving = await serveHttp({ guard, actions, port: 0, requestTimeout: "5s", headersTimeout: "2s" });
process.on("message", () => {
  const twice = [...effects].filter(([, count]) => count > 1).map(([requestId]) => requestId);
  process.send?.({ effects: effects.size, twice });
});
process.send?.(serving.url);
