import { OnceguardError } from "../core/errors.ts";
import type { DataKey, KeyRing } from "../core/key-ring.ts";
import type { Clock } from "../core/ports.ts";

/** A key that was destroyed elsewhere is used here for at most this much longer. */
const REMEMBERED_MS = 60_000;
const MOST_REMEMBERED = 10_000;

/** The key ring as the guard asks it: each key about once a minute, and not for every row. */
export class DataKeys {
  readonly #ring: KeyRing;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly key: Promise<DataKey | null>; readonly until: number }>();

  constructor(ring: KeyRing, clock: Clock) {
    this.#ring = ring;
    this.#clock = clock;
  }

  /** @throws OnceguardError `key_unavailable` */
  async current(tenant: string, subject: string | null): Promise<DataKey> {
    const key = await this.#ask(JSON.stringify([tenant, "of", subject]), () => this.#ring.current(tenant, subject));
    // What is claimed under it is read back at once: a ring that goes away in between must not hide the answer.
    void this.#ask(idName(tenant, key.id), () => Promise.resolve(key));
    return key;
  }

  /** Null: it was destroyed. @throws OnceguardError `key_unavailable` */
  find(tenant: string, id: string): Promise<DataKey | null> {
    return this.#ask(idName(tenant, id), () => this.#ring.find(tenant, id));
  }

  async idOf(tenant: string, subject: string): Promise<string | null> {
    return unavailableAsError(() => this.#ring.idOf(tenant, subject));
  }

  async destroy(tenant: string, subject: string): Promise<void> {
    try {
      await unavailableAsError(() => this.#ring.destroy(tenant, subject));
    } finally {
      this.#known.clear();
    }
  }

  #ask<Key extends DataKey | null>(name: string, ask: () => Promise<Key>): Promise<Key> {
    const now = this.#clock.monotonicMs();
    const known = this.#known.get(name);
    if (known !== undefined && known.until > now) return known.key as Promise<Key>;
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear();
    const key = unavailableAsError(ask);
    this.#known.set(name, { key, until: now + REMEMBERED_MS });
    const forget = () => this.#known.delete(name);
    key.then((found) => found === null && forget(), forget);
    return key;
  }
}

function idName(tenant: string, id: string): string {
  return JSON.stringify([tenant, "id", id]);
}

async function unavailableAsError<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof OnceguardError) throw cause;
    const message = `The key ring did not answer: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new OnceguardError("key_unavailable", message, {}, { cause });
  }
}
