import type { ProviderContract } from "./provider-contract.ts";
import { NO_KEY } from "./provider-contracts-no-key.ts";

/** Models, and the protocol of the tools that they call. */
export const MODELS: readonly ProviderContract[] = [
  {
    name: "openai",
    title: "OpenAI",
    kind: "models",
    ...NO_KEY,
    lookup: null,
    source: "npm openai@6.49.0 client.js",
    checked: "2026-11-20",
    notes: "The SDK's option idempotencyKey sends no header, and the SDK repeats every call twice on its own.",
  },
  {
    name: "anthropic",
    title: "Anthropic",
    kind: "models",
    ...NO_KEY,
    lookup: null,
    source: "npm @anthropic-ai/sdk@1.11.0",
    checked: "2026-11-20",
    notes: "The SDK repeats every call twice on its own.",
  },
  {
    name: "mcp",
    title: "MCP",
    kind: "models",
    ...NO_KEY,
    lookup: null,
    source: "npm @modelcontextprotocol/sdk@1.32.2; https://modelcontextprotocol.io/specification",
    checked: "2026-11-20",
    notes: "The protocol has no key. idempotentHint is a hint of the server's, and false by default.",
  },
];
