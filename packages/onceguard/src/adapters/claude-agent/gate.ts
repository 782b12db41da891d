import type { Proposed } from "../../pipeline/intake.ts";

/** What a hook can do about a call of a guarded tool before it is made. */
export interface Gate {
  /** What rules and policy say. Null: nothing; the call itself tells what is wrong with it. */
  propose(given: unknown, toolUseId: string | undefined): Promise<Proposed | null>;
  /** Remembers that the host's user is asked about this call. */
  asks(toolUseId: string): void;
}

/** Found by the tool itself, in whatever server it is put. */
const gates = new WeakMap<object, Gate | null>();

/** @param gate Null: the tool is safe, and nobody asks about it. */
export function keepGate(tool: object, gate: Gate | null): void {
  gates.set(tool, gate);
}

/** Undefined: nobody has thought about this tool. */
export function gateOf(tool: object): Gate | null | undefined {
  return gates.get(tool);
}

/** Enough for the calls that a host has open at a time; of those that are never made, the oldest are forgotten. */
const MOST = 1_000;

/** The calls that the host's user was asked about, in this process: hook and handler run in the same one. */
export class AskedCalls {
  readonly #ids = new Set<string>();

  add(toolUseId: string): void {
    this.#ids.add(toolUseId);
    const [oldest] = this.#ids;
    if (this.#ids.size > MOST && oldest !== undefined) this.#ids.delete(oldest);
  }

  has(toolUseId: string | undefined): boolean {
    return toolUseId !== undefined && this.#ids.has(toolUseId);
  }
}
