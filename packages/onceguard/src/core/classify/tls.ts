import { textAt } from "./read.ts";

/** The other side's certificate was not accepted. Node checks it before it lets the request out. */
const CERTIFICATE: ReadonlySet<string> = new Set([
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_UNTRUSTED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_CHAIN_TOO_LONG",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/**
 * OpenSSL's reasons that end a handshake, as Node spells them in `ERR_SSL_...`. Not among them: alerts about the client's
 * certificate, which TLS 1.3 sends after the client may have sent its request.
 */
const HANDSHAKE: ReadonlySet<string> = new Set([
  "WRONG_VERSION_NUMBER", // the other side speaks plain text
  "UNSUPPORTED_PROTOCOL",
  "NO_PROTOCOLS_AVAILABLE",
  "TLSV1_ALERT_PROTOCOL_VERSION",
  "SSL/TLS_ALERT_HANDSHAKE_FAILURE",
  "SSLV3_ALERT_HANDSHAKE_FAILURE",
  "TLSV1_ALERT_INSUFFICIENT_SECURITY",
  "TLSV1_UNRECOGNIZED_NAME",
  "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
]);

/** What Node says, with the code of a reset, when the other side leaves during the handshake. */
const LEFT_EARLY = "Client network socket disconnected before secure TLS connection was established";

/** Whether TLS failed before the first byte of the request could be sent. */
export function handshakeFailure(error: object, code: string): boolean {
  if (CERTIFICATE.has(code)) return true;
  if (code === "ECONNRESET") return textAt(error, "message") === LEFT_EARLY;
  return HANDSHAKE.has(opensslReason(error, code) ?? "");
}

/** undici has the reason in the code. Node, where it could still write, says EPROTO and has the reason in the message. */
function opensslReason(error: object, code: string): string | undefined {
  if (code.startsWith("ERR_SSL_")) return code.slice("ERR_SSL_".length);
  if (code !== "EPROTO") return undefined;
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(textAt(error, "message") ?? "")?.[1];
  return reason?.toUpperCase().replaceAll(" ", "_");
}
