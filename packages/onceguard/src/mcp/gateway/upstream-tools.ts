import { isObject, type JsonObject } from "./json-rpc.ts";
import type { Route } from "./route.ts";

/** A tool as the upstream lists it, as far as the gateway reads it. */
export interface UpstreamTool {
  readonly name: string;
  readonly annotations?: { readonly readOnlyHint?: unknown; readonly destructiveHint?: unknown };
  readonly inputSchema?: JsonObject;
  readonly outputSchema?: JsonObject;
}

/** Most pages of one listing; a server that never ends its list must not keep a call waiting for ever. */
const MAX_PAGES = 100;

/**
 * What is known of the upstream's tools. Hosts may call a tool without ever listing any, so the gateway lists them
 * itself before the first call, and again when the server says that they have changed.
 */
export class UpstreamTools {
  #known: ReadonlyMap<string, UpstreamTool> | null = null;
  #until = Number.POSITIVE_INFINITY;
  #listing: Promise<ReadonlyMap<string, UpstreamTool>> | null = null;
  readonly #learned: (tools: readonly UpstreamTool[]) => void;

  constructor(learned: (tools: readonly UpstreamTool[]) => void = () => undefined) {
    this.#learned = learned;
  }

  /** What is known without asking; undefined when it has to be asked. */
  get known(): ReadonlyMap<string, UpstreamTool> | null {
    return performance.now() < this.#until ? this.#known : null;
  }

  /** The tools changed: what comes next asks. */
  forget(): void {
    this.#known = null;
    this.#listing = null;
  }

  /** From a listing that passes by. One page says nothing about the tools that are not on it. */
  learn(result: JsonObject): void {
    const tools = toolsIn(result);
    if (this.known !== null) this.#known = new Map([...(this.#known ?? []), ...tools.map(named)]);
    this.#learned(tools);
  }

  /** @throws an effect error: the upstream did not list its tools, and nothing was sent to any of them */
  async list(route: Route): Promise<ReadonlyMap<string, UpstreamTool>> {
    const { known } = this;
    if (known !== null) return known;
    this.#listing ??= this.#ask(route).finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  async #ask(route: Route): Promise<ReadonlyMap<string, UpstreamTool>> {
    const tools: UpstreamTool[] = [];
    let ttlMs = Number.POSITIVE_INFINITY;
    let cursor: unknown;
    for (let page = 0; page < MAX_PAGES; page++) {
      const answer = await route.request("tools/list", cursor === undefined ? {} : { cursor });
      // A server without tools has no such method.
      if ("error" in answer) break;
      tools.push(...toolsIn(answer.result));
      if (typeof answer.result.ttlMs === "number") ttlMs = Math.min(ttlMs, answer.result.ttlMs);
      cursor = answer.result.nextCursor;
      if (typeof cursor !== "string") break;
    }
    this.#known = new Map(tools.map(named));
    this.#until = performance.now() + ttlMs;
    this.#learned(tools);
    return this.#known;
  }
}

function named(tool: UpstreamTool): readonly [string, UpstreamTool] {
  return [tool.name, tool];
}

export function toolsIn(result: JsonObject): UpstreamTool[] {
  const { tools } = result;
  if (!Array.isArray(tools)) return [];
  return tools.filter((tool): tool is UpstreamTool & JsonObject => isObject(tool) && typeof tool.name === "string");
}
