import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { deserialize, serialize } from "node:v8";
import { MemorySaver } from "@langchain/langgraph";

/** A durable checkpointer, as small as it can be: LangGraph's own in memory, and a file of everything after each write. */
export class FileSaver extends MemorySaver {
  readonly #file: string;

  constructor(file: string) {
    super();
    this.#file = file;
    if (existsSync(file)) Object.assign(this, deserialize(readFileSync(file)));
  }

  override async put(...given: Parameters<MemorySaver["put"]>): ReturnType<MemorySaver["put"]> {
    const config = await super.put(...given);
    this.#save();
    return config;
  }

  override async putWrites(...given: Parameters<MemorySaver["putWrites"]>): Promise<void> {
    await super.putWrites(...given);
    this.#save();
  }

  #save(): void {
    writeFileSync(`${this.#file}.new`, serialize({ storage: this.storage, writes: this.writes }));
    renameSync(`${this.#file}.new`, this.#file);
  }
}
