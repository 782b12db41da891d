import type { EachBatchPayload, KafkaMessage } from "kafkajs";

/** A partition of a topic, and how kafkajs hands it out. There is no broker in this example; see docs/kafka.md for one. */
export class Partition {
  readonly #messages: KafkaMessage[] = [];
  #resolved = 0;
  #committed = 0;

  append(value: unknown): void {
    const offset = String(this.#messages.length);
    const timestamp = String(1_795_000_000_000 + this.#messages.length);
    this.#messages.push({
      key: null,
      value: Buffer.from(JSON.stringify(value)),
      timestamp,
      attributes: 0,
      offset,
      headers: {},
    });
  }

  /** A consumer takes what is not resolved yet. */
  async consume(eachBatch: (batch: EachBatchPayload) => Promise<void>): Promise<void> {
    const messages = this.#messages.slice(this.#resolved);
    const batch = { topic: "orders", partition: 0, messages } as EachBatchPayload["batch"];
    await eachBatch({
      batch,
      resolveOffset: (offset) => {
        this.#resolved = Number(offset) + 1;
      },
      heartbeat: async () => undefined,
      pause: () => () => undefined,
      commitOffsetsIfNecessary: async () => undefined,
      uncommittedOffsets: () => ({ topics: [] }),
      isRunning: () => true,
      isStale: () => false,
    });
  }

  /** It dies before it has committed: the next one begins where the last commit is. */
  diesBeforeCommit(): void {
    this.#resolved = this.#committed;
  }

  commit(): void {
    this.#committed = this.#resolved;
  }
}
