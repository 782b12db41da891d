/** SHA-256 of UTF-8 text, in lower-case hex. */
export type Sha256 = (text: string) => string;
/** HMAC-SHA-256 of UTF-8 text under a fixed key, in lower-case hex. */
export type Hmac = (text: string) => string;
