import type { JsonObject } from "./json-rpc.ts";
import type { Route } from "./route.ts";
import { toolsIn, type UpstreamTool } from "./upstream-tool.ts";
import { within } from "./within.ts";

/** A server that does not list its tools must not keep a call waiting for ever. */
const LONGEST_MS = 30_000;

export type ToolsByName = ReadonlyMap<string, UpstreamTool>;

const METHOD_NOT_FOUND = -32601;
/** Most pages of one listing. */
const MAX_PAGES = 100;
/** So long past its time (`ttlMs`) a listing is still used while a new one is asked for: a call need not wait for it. */
const GRACE_MS = 60_000;

/**
 * What is known of the upstream's tools. Hosts may call a tool without ever listing any, so the gateway lists them
 * itself before the first call, and again when the server says that they have changed.
 */
export class UpstreamTools {
  #tools: ToolsByName | null = null;
  #freshUntil = 0;
  #hasChanged = false;
  #listing: Promise<ToolsByName> | null = null;
  readonly #learned: (tools: readonly UpstreamTool[]) => void;

  constructor(learned: (tools: readonly UpstreamTool[]) => void = () => undefined) {
    this.#learned = learned;
  }

  /** What can be used without asking; null when it has to be asked first. */
  get known(): ToolsByName | null {
    const isUsable = !this.#hasChanged && performance.now() < this.#freshUntil + GRACE_MS;
    return isUsable ? this.#tools : null;
  }

  /** The tools have changed: what comes next asks. */
  forget(): void {
    this.#hasChanged = true;
  }

  /** From a listing that passes by. One page says nothing about the tools that are not on it. */
  learn(result: JsonObject): void {
    const tools = toolsIn(result);
    if (this.#tools !== null && !this.#hasChanged) this.#tools = new Map([...this.#tools, ...tools.map(named)]);
    this.#learned(tools);
  }

  /** Asks in the background when the listing's time has passed. */
  refresh(route: Route): void {
    if (performance.now() >= this.#freshUntil) void this.list(route).catch(() => undefined);
  }

  /**
   * Asks. What was known before is used when the upstream cannot be reached: what became of a call can be told without it.
   *
   * @throws an effect error: the upstream did not list its tools, and nothing was sent to any of them
   */
  async list(route: Route): Promise<ToolsByName> {
    this.#listing ??= inTime(this.#ask(route)).finally(() => {
      this.#listing = null;
    });
    try {
      return await this.#listing;
    } catch (error) {
      if (this.#tools === null) throw error;
      return this.#tools;
    }
  }

  async #ask(route: Route): Promise<ToolsByName> {
    this.#hasChanged = false; // what changes from here on is another change
    const tools: UpstreamTool[] = [];
    let ttlMs = Number.POSITIVE_INFINITY;
    let cursor: unknown;
    try {
      for (let page = 0; page < MAX_PAGES; page++) {
        const answer = await route.request("tools/list", cursor === undefined ? {} : { cursor });
        if ("error" in answer) {
          // A server without tools has no such method. Any other error says nothing about its tools.
          if (answer.error.code === METHOD_NOT_FOUND) break;
          throw new Error(`${answer.error.message} (${answer.error.code})`);
        }
        tools.push(...toolsIn(answer.result));
        if (typeof answer.result.ttlMs === "number") ttlMs = Math.min(ttlMs, Math.max(0, answer.result.ttlMs));
        cursor = answer.result.nextCursor;
        if (typeof cursor !== "string") break;
      }
    } catch (error) {
      this.#hasChanged = true;
      throw error;
    }
    this.#tools = new Map(tools.map(named));
    this.#freshUntil = performance.now() + ttlMs;
    this.#learned(tools);
    return this.#tools;
  }
}

async function inTime(asked: Promise<ToolsByName>): Promise<ToolsByName> {
  const listed = await within(LONGEST_MS, asked);
  if (listed !== null) return listed.value;
  throw new Error(`they were not listed within ${LONGEST_MS / 1_000} s`);
}

function named(tool: UpstreamTool): readonly [string, UpstreamTool] {
  return [tool.name, tool];
}
