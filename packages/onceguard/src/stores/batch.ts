import { OnceguardError } from "../core/errors.ts";

export interface LaneOptions<Item, Answer> {
  /** Commits the items together and answers in their order, or throws for all of them. */
  readonly flush: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** Most items in one flush. Default 64: more gains little and makes everybody wait for the slowest row. */
  readonly maxBatch?: number;
  /** Most flushes under way. Default 1. */
  readonly maxInFlight?: number;
  /** Several are under way only for a crowd: it is split evenly among them while each share has this many. Default 24. */
  readonly leastShare?: number;
  /** Also a lone call waits for its turn of the event loop: for a flush that is synchronous, during which nothing arrives. Default false. */
  readonly alwaysGathers?: boolean;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: a lone call goes straight through; while a flush is under way, arrivals gather and share the next one.
 * Whoever shared a flush comes back together: after one, the next waits for this turn of the event loop to bring them
 * all, or the first of them would go alone and the others wait for it.
 *
 * A crowd that always went together would have the process idle while the database works, and the other way round. Split
 * in two, one half is with the database while the process works on the other.
 *
 * One bad row must not fail its neighbours, so a batch that certainly failed is tried again row by row. A batch whose
 * outcome is unknown is unknown for each of its rows.
 */
export class Lane<Item, Answer> {
  readonly #options: Required<LaneOptions<Item, Answer>>;
  readonly #waiting: Waiting<Item, Answer>[] = [];
  #inFlight = 0;
  #scheduled = false;
  /** The last flush had several rows, or somebody waited for it. */
  #shared = false;

  constructor(options: LaneOptions<Item, Answer>) {
    this.#options = { maxBatch: 64, maxInFlight: 1, leastShare: 24, alwaysGathers: false, ...options };
  }

  push(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#lookSoon();
    });
  }

  /** Resolves when nothing is waiting or under way, what was about to be pushed a promise later included. */
  async idle(): Promise<void> {
    do await new Promise((resolve) => setTimeout(resolve, 1));
    while (this.#inFlight > 0 || this.#waiting.length > 0);
  }

  #lookSoon(): void {
    if (this.#scheduled || this.#inFlight >= this.#options.maxInFlight) return;
    const isAlone = !this.#shared && this.#inFlight === 0;
    if (isAlone && !this.#options.alwaysGathers) {
      this.#look();
      return;
    }
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#look();
    });
  }

  #look(): void {
    const { maxBatch, maxInFlight, leastShare } = this.#options;
    while (this.#waiting.length > 0 && this.#inFlight < maxInFlight) {
      const share = Math.ceil(this.#waiting.length / (maxInFlight - this.#inFlight));
      const isCrowd = share >= leastShare;
      // A flush of a few costs nearly as much as one of many: they go together, after what is under way.
      if (!isCrowd && this.#inFlight > 0) return;
      void this.#flush(this.#waiting.splice(0, isCrowd ? Math.min(share, maxBatch) : maxBatch));
    }
  }

  async #flush(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    this.#inFlight++;
    try {
      await this.#settle(batch);
    } finally {
      this.#inFlight--;
      this.#shared = batch.length > 1 || this.#waiting.length > 0;
      if (this.#waiting.length > 0) this.#lookSoon();
    }
  }

  async #settle(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.flush(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, i) => {
        resolve(answers[i] as Answer);
      });
    } catch (error) {
      const retryAlone = batch.length > 1 && isOfOneRow(error);
      if (retryAlone) for (const one of batch) await this.#settle([one]);
      else for (const { reject } of batch) reject(error);
    }
  }
}

/** What the database says of a statement may be about one of its rows; so may a lack of rights, where they go by tenant. */
function isOfOneRow(error: unknown): boolean {
  return !(error instanceof OnceguardError) || error.fields.code === "42501";
}
