import { constants, createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";

export type Claims = Readonly<Record<string, unknown>>;

type Algorithm = { readonly hash: string | null; readonly padding?: number; readonly kty: string };

/** Asymmetric ones only: with a shared secret, whoever can check a token can make one. `none` is not among them. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  RS256: { hash: "sha256", kty: "RSA" },
  RS384: { hash: "sha384", kty: "RSA" },
  RS512: { hash: "sha512", kty: "RSA" },
  PS256: { hash: "sha256", kty: "RSA", padding: constants.RSA_PKCS1_PSS_PADDING },
  ES256: { hash: "sha256", kty: "EC" },
  ES384: { hash: "sha384", kty: "EC" },
  EdDSA: { hash: null, kty: "OKP" },
};

/** Clocks differ by this much. */
const SKEW_S = 30;

export type Keys = (kid: string | undefined) => Promise<readonly JsonWebKey[]>;

/**
 * The claims of a JWT that this issuer has made out for this audience; null for any other text.
 *
 * @param now in seconds since 1970
 */
export async function readToken(
  token: string,
  expected: { readonly issuer: string; readonly audience: string; readonly keys: Keys },
  now: number,
): Promise<Claims | null> {
  const parts = token.split(".");
  const header = decoded(parts[0]);
  const claims = decoded(parts[1]);
  const algorithm = Object.hasOwn(ALGORITHMS, String(header?.alg)) ? ALGORITHMS[String(header?.alg)] : undefined;
  if (parts.length !== 3 || !header || !claims || !algorithm) return null;
  if (!fits(claims, expected, now)) return null; // before anything is fetched for it
  const kid = typeof header.kid === "string" ? header.kid : undefined;
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
  const signature = Buffer.from(parts[2] ?? "", "base64url");
  const keys = await expected.keys(kid);
  return keys.some((key) => isSigned(key, kid, algorithm, signed, signature)) ? claims : null;
}

function fits(
  { iss, aud, exp, nbf }: Claims,
  { issuer, audience }: { readonly issuer: string; readonly audience: string },
  now: number,
): boolean {
  const audiences = Array.isArray(aud) ? aud : [aud];
  if (iss !== issuer || !audiences.some((one) => sameResource(one, audience))) return false;
  if (typeof exp !== "number" || exp + SKEW_S <= now) return false;
  return nbf === undefined || (typeof nbf === "number" && nbf - SKEW_S <= now);
}

function sameResource(one: unknown, audience: string): boolean {
  return typeof one === "string" && one.replace(/\/$/, "") === audience.replace(/\/$/, "");
}

function isSigned(
  jwk: JsonWebKey,
  kid: string | undefined,
  { hash, padding, kty }: Algorithm,
  signed: Buffer,
  signature: Buffer,
): boolean {
  if (jwk.kty !== kty || (kid !== undefined && jwk.kid !== undefined && jwk.kid !== kid)) return false;
  try {
    const key: KeyObject = createPublicKey({ key: jwk, format: "jwk" });
    const how = { key, dsaEncoding: "ieee-p1363" as const, ...(padding !== undefined && { padding }) };
    return verify(hash, signed, how, signature);
  } catch {
    return false;
  }
}

function decoded(part: string | undefined): Claims | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : null;
  } catch {
    return null;
  }
}
