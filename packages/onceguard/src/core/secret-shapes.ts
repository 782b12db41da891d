/**
 * Texts that are secrets by their shape, wherever they stand. Libraries put headers and addresses into their error
 * messages, and those are kept. Each pattern keeps what says what it was.
 */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  // HTTP: `Authorization: Bearer ...`, and headers and fields that are named for what they carry
  [/\b(Bearer|Basic|Digest|Negotiate)\s+[\w.~+/=-]{8,}/gi, "$1 [redacted]"],
  [
    /((?:authorization|cookie|x-api-key|api[-_]?key|access[-_]?token|client[-_]?secret|password)["']?\s*[:=]\s*["']?)[^\s"',;&}]{4,}/gi,
    "$1[redacted]",
  ],
  // addresses: `postgres://user:password@host`
  [/(\b[a-z][\w+.-]*:\/\/[^\s:/@]*:)[^\s@/]+(?=@)/gi, "$1[redacted]"],
  // keys of well-known providers, by their documented prefixes
  [/\b(?:sk|rk|pk)_(?:live|test)_\w{8,}/g, "[redacted]"],
  [/\bsk-[\w-]{20,}/g, "[redacted]"],
  [/\bwhsec_[\w+/=-]{8,}/g, "[redacted]"],
  [/\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,})/g, "[redacted]"],
  [/\bxox[abeoprs]-[\w-]{10,}/g, "[redacted]"],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, "[redacted]"],
  [/\bSG\.[\w-]{16,}\.[\w-]{16,}/g, "[redacted]"],
  // JSON Web Tokens, and keys in PEM
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, "[redacted]"],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, "[redacted]"],
];

/** The text without what looks like a secret. */
export function withoutSecrets(text: string): string {
  return SHAPES.reduce((kept, [shape, instead]) => kept.replace(shape, instead), text);
}
