import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { OnceguardError } from "../core/errors.ts";

/** An Ed25519 key, and when it is to be believed. Times are ms since the epoch. */
export interface VerifyingKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly notBefore: number;
  /** Null: still in use. What is dated later is not believed: whoever stole an old key cannot sign today's history. */
  readonly notAfter: number | null;
}

/** A key that can sign checkpoints. */
export interface SigningKey extends VerifyingKey {
  readonly privateKey: KeyObject;
}

/** The keys as a file has them. */
interface KeyFile {
  readonly keys: readonly {
    readonly kid: string;
    readonly not_before: string;
    readonly not_after: string | null;
    readonly jwk: { readonly kty: string; readonly crv: string; readonly x: string; readonly d?: string };
  }[];
}

/** Makes an Ed25519 key. `now` is in ms since the epoch. */
export function newKey(now: number): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { kid: thumbprint(publicKey), privateKey, publicKey, notBefore: now, notAfter: null };
}

/** RFC 7638: the kid says which key it is, and cannot be given to another one. */
function thumbprint(publicKey: KeyObject): string {
  const { crv, kty, x } = publicKey.export({ format: "jwk" });
  return createHash("sha256").update(JSON.stringify({ crv, kty, x })).digest("base64url");
}

/** Ends the key in use and begins another one: what was signed before stays believed. */
export function rotated(keys: readonly SigningKey[], now: number): readonly SigningKey[] {
  return [...keys.map((key) => ({ ...key, notAfter: key.notAfter ?? now })), newKey(now)];
}

/** The key to sign with. @throws OnceguardError `invalid_option` */
export function currentKey(keys: readonly SigningKey[], now: number): SigningKey {
  const key = keys.findLast(({ notBefore, notAfter }) => notBefore <= now && (notAfter === null || now <= notAfter));
  if (key) return key;
  throw new OnceguardError(
    "invalid_option",
    "None of the signing keys is valid now. Make one: onceguard signing-keys.",
    {
      option: "keys",
    },
  );
}

/** Keys as the text of a key file; without the private halves it can be given to those who verify. */
export function keyText(keys: readonly SigningKey[], withPrivate: boolean): string {
  const wire: KeyFile = {
    keys: keys.map(({ kid, privateKey, publicKey, notBefore, notAfter }) => ({
      kid,
      not_before: new Date(notBefore).toISOString(),
      not_after: notAfter === null ? null : new Date(notAfter).toISOString(),
      jwk: (withPrivate ? privateKey : publicKey).export({ format: "jwk" }) as KeyFile["keys"][number]["jwk"],
    })),
  };
  return `${JSON.stringify(wire, null, 2)}\n`;
}

/** Null for what is no file of keys. A kid that is not its key's thumbprint makes it none. */
export function readKeys(text: string): readonly (VerifyingKey & { readonly privateKey: KeyObject | null })[] | null {
  try {
    const { keys } = JSON.parse(text) as KeyFile;
    return keys.map(({ kid, jwk, not_before, not_after }) => {
      if (jwk.kty !== "OKP" || jwk.crv !== "Ed25519") throw new Error("not Ed25519");
      const { kty, crv, x } = jwk;
      const publicKey = createPublicKey({ key: { kty, crv, x }, format: "jwk" });
      const privateKey = jwk.d === undefined ? null : createPrivateKey({ key: jwk as never, format: "jwk" });
      const notBefore = Date.parse(not_before);
      const notAfter = not_after === null ? null : Date.parse(not_after);
      if (thumbprint(publicKey) !== kid || !Number.isFinite(notBefore) || Number.isNaN(notAfter))
        throw new Error("bad");
      return { kid, publicKey, privateKey, notBefore, notAfter };
    });
  } catch {
    return null;
  }
}

/** Whether what is dated `at` may be signed with it. */
export function isValidAt({ notBefore, notAfter }: VerifyingKey, at: number): boolean {
  return notBefore <= at && (notAfter === null || at <= notAfter);
}
