import { CALL_TIMEOUT_MS, type Deliver } from "./caller.ts";
import type { World } from "./contender.ts";
import { startWorker, type Worker, type WorkerOrder } from "./worker-handle.ts";

/** Keeps one worker of a contender alive, as a supervisor in production would: where there is none, one is started. */
export class Supervisor {
  /** What its workers are told that the world offers. */
  offers: World["offers"];
  /** Until then no new worker is started. */
  startsAfter: Promise<unknown> = Promise.resolve();
  /** Intents about which a client of the world has stopped waiting. */
  readonly timedOut: Set<string> = new Set();
  readonly #order: Omit<WorkerOrder, "offers">;
  readonly #logFile: string;
  #worker: Worker | null = null;
  #starting: Promise<Worker> | null = null;

  constructor(order: WorkerOrder, logFile: string) {
    this.#order = order;
    this.#logFile = logFile;
    this.offers = order.offers;
  }

  /** The one that is there, dead or alive. */
  get worker(): Worker | null {
    return this.#worker;
  }

  async current(): Promise<Worker> {
    if (this.#worker?.isAlive) return this.#worker;
    await this.startsAfter;
    this.#starting ??= this.start().finally(() => {
      this.#starting = null;
    });
    this.#worker = await this.#starting;
    return this.#worker;
  }

  /** One more, beside the one that is there. */
  start(): Promise<Worker> {
    const order = { ...this.#order, offers: this.offers };
    return startWorker(order, this.#logFile, (intent) => this.timedOut.add(intent));
  }

  /** It answers nobody: its calls have broken, and the next delivery goes to another one. */
  writeOff(worker: Worker): void {
    if (this.#worker === worker) this.#worker = null;
    worker.abandon();
  }

  /** While `act` runs, the workers are told that the world offers something else. */
  async offering(offers: World["offers"], act: () => Promise<void>): Promise<void> {
    const usual = this.offers;
    await this.#worker?.close();
    this.offers = offers;
    try {
      await this.current();
      await act();
    } finally {
      await this.#worker?.close();
      this.offers = usual;
    }
  }

  readonly deliver: Deliver = async (intent, delivery) => {
    const worker = await this.current();
    return worker.deliver(intent, delivery, CALL_TIMEOUT_MS);
  };

  /** To this one, as long as it lives. */
  deliverTo(worker: Worker): Deliver {
    return (intent, delivery) =>
      worker.isAlive ? worker.deliver(intent, delivery, CALL_TIMEOUT_MS) : this.deliver(intent, delivery);
  }
}
