import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { OnceguardError } from "../core/errors.ts";
import type { DataKey } from "../core/key-ring.ts";

/** A data key as it is kept: under the master key, and bound to its tenant and id. */
export interface WrappedKey {
  readonly id: string;
  /** Base64url: nonce, ciphertext, tag. */
  readonly wrapped: string;
}

/**
 * The key that data keys are kept under: 32 bytes, as hex or base64 from a secret manager or the environment. It never
 * touches the disk here.
 */
export class MasterKey {
  readonly #wrapping: Buffer;
  readonly #naming: Buffer;

  /** @throws OnceguardError `invalid_option` */
  constructor(master: string | Uint8Array) {
    const bytes = typeof master === "string" ? bytesOf(master.trim()) : Buffer.from(master);
    if (bytes?.length !== 32) {
      throw new OnceguardError(
        "invalid_option",
        "The master key must be 32 bytes, as hex or base64. Make one: openssl rand -hex 32",
        { option: "masterKey" },
      );
    }
    this.#wrapping = Buffer.from(hkdfSync("sha256", bytes, "", "onceguard/key-ring/wrap/v1", 32));
    this.#naming = Buffer.from(hkdfSync("sha256", bytes, "", "onceguard/key-ring/name/v1", 32));
  }

  /** How a subject is called where its key is kept: who has only that place cannot tell whose keys they are. */
  nameOf(tenant: string, subject: string | null): string {
    return createHmac("sha256", this.#naming)
      .update(JSON.stringify([tenant, subject]))
      .digest("hex");
  }

  make(tenant: string): { readonly key: DataKey; readonly kept: WrappedKey } {
    const key: DataKey = { id: randomUUID(), bytes: randomBytes(32) };
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.#wrapping, nonce).setAAD(boundTo(tenant, key.id));
    const sealed = Buffer.concat([nonce, cipher.update(key.bytes), cipher.final(), cipher.getAuthTag()]);
    return { key, kept: { id: key.id, wrapped: sealed.toString("base64url") } };
  }

  /** @throws OnceguardError `key_unavailable`: another master key, or damaged */
  unwrap(tenant: string, { id, wrapped }: WrappedKey): DataKey {
    try {
      const sealed = Buffer.from(wrapped, "base64url");
      const opener = createDecipheriv("aes-256-gcm", this.#wrapping, sealed.subarray(0, 12))
        .setAAD(boundTo(tenant, id))
        .setAuthTag(sealed.subarray(-16));
      return { id, bytes: Buffer.concat([opener.update(sealed.subarray(12, -16)), opener.final()]) };
    } catch (cause) {
      throw new OnceguardError(
        "key_unavailable",
        `The data key ${id} does not open: it was made under another master key, or it is damaged.`,
        { keyId: id },
        { cause },
      );
    }
  }
}

function bytesOf(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  return /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, "base64") : null;
}

function boundTo(tenant: string, id: string): Buffer {
  return Buffer.from(JSON.stringify([tenant, id]), "utf8");
}
