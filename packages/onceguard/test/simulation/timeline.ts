/** Whoever an event happens to: one that is dead does not notice, and one that is paused notices later. */
export interface Owner {
  readonly alive: boolean;
  readonly pausedUntil: number;
}

/** Something that happens at a time. */
export interface Happening {
  time: number;
  readonly seq: number;
  readonly owner: Owner | null;
  readonly run: () => void;
  /** What it is to its owner, where that matters. */
  readonly turn: Turn;
  off: boolean;
}

/** A claim is granted, an effect has answered, or anything else. */
export type Turn = "claimed" | "answered" | "other";

/**
 * Virtual time: what is to happen, in order of time and then of planning. Nothing else moves a simulation, so the same
 * seed gives the same history, to the last step.
 */
export class Timeline {
  now = 0;
  #seq = 0;
  readonly #heap: Happening[] = [];

  at(time: number, owner: Owner | null, run: () => void, turn: Turn = "other"): Happening {
    const happening = { time: Math.max(time, this.now), seq: this.#seq++, owner, run, turn, off: false };
    this.#push(happening);
    return happening;
  }

  in(ms: number, owner: Owner | null, run: () => void, turn: Turn = "other"): Happening {
    return this.at(this.now + Math.max(0, ms), owner, run, turn);
  }

  /** Moves time on to what is next, and takes it out; undefined when nothing is left, or nothing until `end`. */
  next(end: number): Happening | undefined {
    for (let first = this.#heap[0]; first !== undefined && first.time <= end; first = this.#heap[0]) {
      this.#shift();
      const { owner } = first;
      if (first.off || owner?.alive === false) continue;
      if (owner !== null && owner.pausedUntil > first.time) {
        first.time = owner.pausedUntil;
        this.#push(first);
        continue;
      }
      this.now = first.time;
      return first;
    }
    return undefined;
  }

  /** Takes back what `next` has given out: it happens again from where its owner stands now. */
  putBack(happening: Happening): void {
    this.#push(happening);
  }

  /** All of these come `ms` earlier, but not before now. */
  hasten(happenings: Iterable<Happening>, ms: number): void {
    for (const one of happenings) one.time = Math.max(this.now, one.time - ms);
    this.#heap.sort(earlier);
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.push(happening) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (earlier(heap[parent] as Happening, happening) <= 0) break;
      heap[at] = heap[parent] as Happening;
      at = parent;
    }
    heap[at] = happening;
  }

  #shift(): void {
    const heap = this.#heap;
    const last = heap.pop() as Happening;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1] as Happening, heap[child] as Happening) < 0) child++;
      if (earlier(last, heap[child] as Happening) <= 0) break;
      heap[at] = heap[child] as Happening;
      at = child;
    }
    heap[at] = last;
  }
}

function earlier(a: Happening, b: Happening): number {
  return a.time - b.time || a.seq - b.seq;
}

/**
 * Once everything that the last step set off has come to rest: `process.nextTick` from a microtask runs when no
 * microtask is left, and nothing here waits for anything else than promises and virtual time.
 */
export function atRest(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** The same with a turn of the event loop: then Node reports the rejections that nobody has handled by now. */
export function atRestAfterTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
