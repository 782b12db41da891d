import { describe, expect, test } from "vitest";
import { networkErrors } from "./network.ts";

// Real handshakes that fail: test/network/failures-tls.test.ts.

const coded = (code: string, message = "x", more: object = {}) => Object.assign(new Error(message), { code, ...more });
const eproto = (reason: string) =>
  coded("EPROTO", `write EPROTO 40AD:error:0A000410:SSL routines:ssl3_read_bytes:${reason}:../deps/rec.c:918:\n`, {
    syscall: "write",
  });

describe("failed before the first byte", () => {
  test.each([
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "CERT_REVOKED",
    "CERT_UNTRUSTED",
    "CERT_SIGNATURE_FAILURE",
    "CERT_CHAIN_TOO_LONG",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
    "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE",
    "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
    "ERR_SSL_TLSV1_UNRECOGNIZED_NAME",
    "ERR_SSL_TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    "ERR_SSL_UNSUPPORTED_PROTOCOL",
    "ERR_SSL_NO_PROTOCOLS_AVAILABLE",
  ])("%s", (code) => expect(networkErrors(coded(code))).toMatchObject({ certainty: "definite", code }));

  test.each(["wrong version number", "tlsv1 alert protocol version", "ssl/tls alert handshake failure"])(
    "EPROTO: %s",
    (reason) => expect(networkErrors(eproto(reason))).toMatchObject({ certainty: "definite", code: "EPROTO" }),
  );
});

describe("failed perhaps later", () => {
  test.each([
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", // TLS 1.3: the client may have sent its request by then
    "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
    "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
    "ERR_SSL_UNEXPECTED_EOF_WHILE_READING",
    "ERR_TLS_HANDSHAKE_TIMEOUT",
  ])("%s", (code) => expect(networkErrors(coded(code))).toMatchObject({ certainty: "indefinite", code }));

  test("EPROTO for another reason, or for none", () => {
    expect(networkErrors(eproto("bad record mac"))?.certainty).toBe("indefinite");
    expect(networkErrors(coded("EPROTO", "write EPROTO"))?.certainty).toBe("indefinite");
  });

  test("the words of a handshake under another code", () => {
    const error = Object.assign(eproto("wrong version number"), { code: "EPIPE" });
    expect(networkErrors(error)?.certainty).toBe("indefinite");
  });

  test("a reset, unless Node says that the handshake was not over", () => {
    const left = "Client network socket disconnected before secure TLS connection was established";
    expect(networkErrors(coded("ECONNRESET", left))?.certainty).toBe("definite");
    expect(networkErrors(coded("ECONNRESET", "socket hang up"))?.certainty).toBe("indefinite");
    expect(networkErrors(coded("EPIPE", left))?.certainty).toBe("indefinite");
  });
});
