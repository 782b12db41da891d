import { resolve } from "node:path";
import type { Client } from "@modelcontextprotocol/client";
import { OnceguardError } from "../core/errors.ts";
import { effectError, messageOf } from "../core/failure.ts";
import type { ServerEntry } from "./entries.ts";

/** The upstream MCP servers of a config: each started when it is first needed, and again when it has died. */
export class Upstreams {
  readonly #given: () => Readonly<Record<string, ServerEntry>>;
  readonly #folder: string;
  readonly #running = new Map<string, Promise<Client>>();

  /** @param entries called when a server is looked for */
  constructor(entries: () => Readonly<Record<string, ServerEntry>>, folder: string) {
    this.#given = entries;
    this.#folder = folder;
  }

  get #entries(): Readonly<Record<string, ServerEntry>> {
    return this.#given();
  }

  /** @throws OnceguardError `invalid_action` */
  check(action: string, server: string): void {
    const entry = Object.hasOwn(this.#entries, server) ? this.#entries[server] : undefined;
    if (typeof entry?.command === "string" && entry.command !== "") return;
    const known = Object.keys(this.#entries).join(", ") || "none";
    const problem = entry
      ? `server "${server}" has no \`command\``
      : `there is no server "${server}" in \`servers\` (${known})`;
    throw new OnceguardError("invalid_action", `Action "${action}": ${problem}.`, { action, problem });
  }

  /** @throws an effect error: it could not be started, so nothing was sent */
  async connected(server: string): Promise<Client> {
    const running = this.#running.get(server) ?? this.#start(server);
    this.#running.set(server, running);
    try {
      return await running;
    } catch (cause) {
      this.#running.delete(server);
      const message = `The MCP server "${server}" could not be started, so nothing was sent: ${messageOf(cause)}`;
      throw effectError({ certainty: "definite", tier: "transient", code: "upstream_not_started", message }, { cause });
    }
  }

  async #start(server: string): Promise<Client> {
    const { Client } = await import("@modelcontextprotocol/client");
    const { StdioClientTransport, getDefaultEnvironment } = await import("@modelcontextprotocol/client/stdio");
    const { command, args = [], env = {}, cwd = "." } = this.#entries[server] as ServerEntry;
    const client = new Client({ name: "onceguard", version: "1" });
    const transport = new StdioClientTransport({
      command,
      args: [...args],
      env: { ...getDefaultEnvironment(), ...env },
      cwd: resolve(this.#folder, cwd),
      stderr: "inherit", // never stdout, which may be somebody's protocol
    });
    client.onclose = () => this.#running.delete(server);
    await client.connect(transport);
    return client;
  }

  async close(): Promise<void> {
    const running = [...this.#running.values()];
    this.#running.clear();
    await Promise.allSettled(running.map(async (client) => (await client).close()));
  }
}
