/** The HTTP API: `onceguard/http`. The guide is docs/http.md. */
export type { Configured } from "./configured.ts";
export type { Door } from "./door.ts";
export { type HttpApi, type HttpApiOptions, httpApi } from "./http-api.ts";
export type { IdempotencyOptions, Settled } from "./idempotency/options.ts";
export { settledBy } from "./idempotency/options.ts";
export { type GuardedRequest, idempotent, type WebHandler } from "./idempotency/web.ts";
export { type ApiKey, apiKeys, type KeyReader, makeApiKey } from "./keys/api-key.ts";
export { keyFile } from "./keys/key-file.ts";
export type { HttpLimits } from "./limits.ts";
export { type HttpServing, type ServeHttpOptions, serveHttp } from "./node/serve.ts";
export { type Principal, ROLES, type Role } from "./principal.ts";
export { importSafeAgent, type SafeAgentImport, type SafeAgentRow } from "./safeagent-import.ts";
export type { CheckpointNote, SealedSource } from "./sealed.ts";
