import { randomBytes } from "node:crypto";
import type { DataKey, KeyRing } from "../../src/core/key-ring.ts";

/** Keys in memory, and how often they were asked for. */
export class MemoryKeys implements KeyRing {
  readonly asked: string[] = [];
  away = false;
  readonly #keys = new Map<string, DataKey>();
  #made = 0;

  async current(tenant: string, subject: string | null): Promise<DataKey> {
    this.#ask("current");
    const name = JSON.stringify([tenant, subject]);
    const key = this.#keys.get(name) ?? { id: `key-${++this.#made}`, bytes: randomBytes(32) };
    this.#keys.set(name, key);
    return key;
  }
  async find(_tenant: string, id: string): Promise<DataKey | null> {
    this.#ask("find");
    return [...this.#keys.values()].find((key) => key.id === id) ?? null;
  }
  async idOf(tenant: string, subject: string): Promise<string | null> {
    this.#ask("idOf");
    return this.#keys.get(JSON.stringify([tenant, subject]))?.id ?? null;
  }
  async destroy(tenant: string, subject: string): Promise<void> {
    this.#ask("destroy");
    this.#keys.delete(JSON.stringify([tenant, subject]));
  }
  #ask(verb: string): void {
    this.asked.push(verb);
    if (this.away) throw new Error("the ring is away");
  }
}
