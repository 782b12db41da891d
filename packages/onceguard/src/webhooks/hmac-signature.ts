import { createHmac, timingSafeEqual } from "node:crypto";

/** Whether one of the secrets has signed this, compared without telling how much of it is right. */
export function isHmacSha256(
  secrets: readonly string[],
  signed: Uint8Array | string,
  signature: string,
  encoding: "hex" | "base64",
): boolean {
  const given = Buffer.from(signature, encoding);
  // Buffer skips what is not of the encoding: then it was written in another way, and is none.
  if (given.toString(encoding) !== signature) return false;
  return secrets
    .map((secret) => createHmac("sha256", secret).update(signed).digest())
    .some((expected) => expected.length === given.length && timingSafeEqual(expected, given));
}
