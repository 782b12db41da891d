import { randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DataKey, KeyRing } from "../core/key-ring.ts";
import { MasterKey, type WrappedKey } from "./master-key.ts";

/** Options of `keyFolder`. */
export interface KeyFolderOptions {
  /** The folder; made when it is needed, readable by its owner only. Keep it out of the backups of the store. */
  readonly path: string;
  /** 32 bytes, as hex or base64: `openssl rand -hex 32`. */
  readonly masterKey: string | Uint8Array;
}

/**
 * Keys as files, one per subject, for processes on one machine (or on one file system that can link files atomically).
 *
 *     subjects/<name>   the id of the subject's key
 *     keys/<id>         the key, under the master key
 *
 * Destroying a key removes both files. What a file system or its snapshots keep of removed files is theirs to say; without
 * the master key it is of no use.
 *
 * @throws OnceguardError `invalid_option`
 */
export function keyFolder({ path, masterKey }: KeyFolderOptions): KeyRing {
  const master = new MasterKey(masterKey);
  const subjects = join(path, "subjects");
  const keys = join(path, "keys");

  async function find(tenant: string, id: string): Promise<DataKey | null> {
    const text = /^[\w-]+$/.test(id) ? await textOf(join(keys, id)) : null;
    return text === null ? null : master.unwrap(tenant, JSON.parse(text) as WrappedKey);
  }

  async function idOf(tenant: string, subject: string | null): Promise<string | null> {
    return textOf(join(subjects, master.nameOf(tenant, subject)));
  }

  return {
    find,
    idOf,
    current: async (tenant, subject) => {
      await Promise.all([subjects, keys].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })));
      for (;;) {
        const id = await idOf(tenant, subject);
        const known = id === null ? null : await find(tenant, id);
        if (known !== null) return known;
        // An id without a key: a process died, or a subject is being erased, in between.
        if (id !== null) await rm(join(subjects, master.nameOf(tenant, subject)), { force: true });
        const { key, kept } = master.make(tenant);
        await writeNew(keys, key.id, JSON.stringify(kept));
        if (await writeNew(subjects, master.nameOf(tenant, subject), key.id)) return key;
        await rm(join(keys, key.id), { force: true }); // another process was first: its key counts
      }
    },
    destroy: async (tenant, subject) => {
      const id = await idOf(tenant, subject);
      if (id === null) return;
      await rm(join(keys, id), { force: true });
      await syncFolder(keys);
      await rm(join(subjects, master.nameOf(tenant, subject)), { force: true });
      await syncFolder(subjects);
    },
  };
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** Whole and on the disk, or not there at all: under its name by a link, which fails where there is one. */
async function writeNew(folder: string, name: string, text: string): Promise<boolean> {
  const draft = join(folder, `.${randomUUID()}`);
  const file = await open(draft, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(draft, join(folder, name));
    await syncFolder(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/** A name is durable only with its folder. */
async function syncFolder(folder: string): Promise<void> {
  const entries = await open(folder, "r");
  try {
    await entries.sync();
  } finally {
    await entries.close();
  }
}
