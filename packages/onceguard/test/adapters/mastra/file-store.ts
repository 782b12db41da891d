import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { InMemoryStore } from "@mastra/core/storage";

interface Workflows {
  readonly db: { readonly workflows: Map<unknown, unknown> };
  persistWorkflowSnapshot(...given: unknown[]): Promise<void>;
}

/** A durable store of suspended runs, as small as it can be: Mastra's own in memory, and a file of it after each write. */
export function fileStore(file: string): InMemoryStore {
  const store = new InMemoryStore();
  const workflows = store.stores?.workflows as unknown as Workflows;
  const known = existsSync(file) ? (deserialize(readFileSync(file)) as [unknown, unknown][]) : [];
  for (const [key, value] of known) workflows.db.workflows.set(key, value);
  const persist = workflows.persistWorkflowSnapshot.bind(workflows);
  workflows.persistWorkflowSnapshot = async (...given) => {
    await persist(...given);
    writeFileSync(`${file}.new`, serialize(JSON.parse(JSON.stringify([...workflows.db.workflows]))));
    renameSync(`${file}.new`, file);
  };
  return store;
}
