import type { Claim } from "../core/claim.ts";
import type { Clock, Renewal, Store } from "../core/ports.ts";

interface Held extends Renewal {
  /** Until when, by this process's clock, the lease is certainly ours: counted from before the request was sent. */
  validUntil: number;
  readonly lost: () => void;
}

/**
 * Keeps the leases of everything that runs in this process, with one batched renewal for all of them. A lease that
 * cannot be renewed in time is lost: its effect is told to stop, and whatever it still answers is late evidence.
 */
export class Leases {
  readonly #held = new Set<Held>();
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  #stop: (() => void) | null = null;
  #renewing = false;

  constructor(store: Store, clock: Clock, leaseMs: number) {
    this.#store = store;
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  /** Takes over a claim that was asked for at `askedAt` (monotonic ms); `lost` is called at most once. */
  hold(claim: Claim, askedAt: number, lost: () => void): Held {
    const { tenant, requestId, fencingToken, dueAt, readAt } = claim.receipt;
    const held: Held = {
      tenant,
      requestId,
      fencingToken,
      leaseMs: this.#leaseMs,
      // A claim that was asked for again is as old as its first try: what is left is what the store says is left.
      validUntil: askedAt + Math.min(this.#leaseMs, (dueAt ?? readAt) - readAt),
      lost,
    };
    this.#held.add(held);
    this.#stop ??= this.#clock.every(this.#leaseMs / 3, () => void this.renewAll());
    return held;
  }

  release(held: Held): void {
    this.#held.delete(held);
    if (this.#held.size > 0) return;
    this.#stop?.();
    this.#stop = null;
  }

  /** Certainly ours for at least `marginMs` more; renews once if it is not. */
  async ensure(held: Held, marginMs: number): Promise<boolean> {
    if (held.validUntil - this.#clock.monotonicMs() > marginMs) return true;
    await this.#renew([held]);
    return this.#held.has(held) && held.validUntil - this.#clock.monotonicMs() > marginMs;
  }

  async renewAll(): Promise<void> {
    // First, and whatever the store is doing: a process that was frozen past its lease must not go on while it asks. Its
    // successor may be at work, and what it was about to send is not sent yet.
    for (const held of this.#held) if (held.validUntil <= this.#clock.monotonicMs()) this.#lose(held);
    if (this.#renewing) return; // a slow store must not pile renewals up; the next tick sees what became of this one
    this.#renewing = true;
    try {
      await this.#renew([...this.#held]);
    } finally {
      this.#renewing = false;
    }
  }

  async #renew(renewals: readonly Held[]): Promise<void> {
    if (renewals.length === 0) return;
    const askedAt = this.#clock.monotonicMs();
    let refused: readonly Renewal[];
    try {
      refused = await this.#store.renew(renewals);
    } catch {
      // Unknown whether it was extended. The lease is ours until it runs out by our own, earlier count.
      for (const held of renewals) if (held.validUntil <= this.#clock.monotonicMs()) this.#lose(held);
      return;
    }
    for (const held of renewals) {
      if (refused.includes(held)) this.#lose(held);
      else held.validUntil = askedAt + held.leaseMs;
    }
  }

  #lose(held: Held): void {
    if (!this.#held.has(held)) return;
    this.release(held);
    held.lost();
  }
}

export type HeldLease = ReturnType<Leases["hold"]>;
