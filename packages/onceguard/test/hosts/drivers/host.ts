import type { ScriptedModel } from "../model/scripted-model.ts";

/** How a host starts an MCP server, as its config file says it. */
export interface ServerEntry {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What a person at the host answers to a question of a server. */
export interface PersonAnswer {
  readonly action: "accept" | "decline" | "cancel";
  readonly content?: Readonly<Record<string, unknown>>;
}

export interface SessionOptions {
  readonly model: ScriptedModel;
  /** The host's home and its working folder: nothing of the machine's own settings gets in. */
  readonly home: string;
  readonly servers: Readonly<Record<string, ServerEntry>>;
  /** Who answers elicitation; without, nobody. */
  readonly person?: (message: string) => PersonAnswer;
  /** A session that an earlier process of the host has left behind. */
  readonly resume?: string;
}

/** A real host in a process of its own, in one conversation. */
export interface HostSession {
  readonly id: string;
  /** A person's words; resolves when the model has ended its turn. Rejects when the host dies. */
  say(words: string): Promise<void>;
  /** Whether the conversation's file on the disk has these words: a host that is killed then knows of them when resumed. */
  remembers(words: string): boolean;
  /** What the Escape key does. */
  interrupt(): Promise<void>;
  /** SIGKILL, to the host's process and to nothing else. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export interface RealHost {
  readonly name: string;
  /** Its version, or why it cannot be driven here. */
  readonly found: { readonly version: string } | { readonly missing: string };
  open(options: SessionOptions): Promise<HostSession>;
}
