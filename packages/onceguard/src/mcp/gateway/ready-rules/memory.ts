import type { ToolRule } from "../../../kinds/gateway-entries.ts";
import { alike, READS } from "./alike.ts";
import type { ReadyRules } from "./ready-rules.ts";

/**
 * What was added may be deleted and added again, so a name stands for no effect for ever. Every error comes before the
 * graph is saved, which is one rename.
 */
const CHANGES: ToolRule = { riskTier: "side_effecting", window: "1m", noEffectOnError: true };

/** `@modelcontextprotocol/server-memory`. */
export const memory: ReadyRules = {
  server: "@modelcontextprotocol/server-memory",
  version: "2026.8.31",
  tools: {
    ...alike(READS, ["read_graph", "search_nodes", "open_nodes"]),
    // Of these deletions the call itself says all that is gone, so that it can be put back.
    ...alike(CHANGES, [
      "create_entities",
      "create_relations",
      "add_observations",
      "delete_observations",
      "delete_relations",
    ]),
    delete_entities: {
      riskTier: "irreversible",
      noEffectOnError: true,
      approval: "deletes entities with all that was observed of them, and their relations",
    },
  },
};
