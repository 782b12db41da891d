import { createHash, createHmac } from "node:crypto";
import type { HashBytes } from "../core/merkle.ts";

export const sha256Bytes: HashBytes = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());

export function hmacHex(key: string, text: string): string {
  return createHmac("sha256", key).update(text).digest("hex");
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Null for what is no base64: Node's own decoder takes anything. */
export function fromBase64(text: string): Uint8Array | null {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) return null;
  return new Uint8Array(Buffer.from(text, "base64"));
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
