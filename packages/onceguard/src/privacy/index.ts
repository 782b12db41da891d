/** Keys for private fields: `onceguard/privacy`. */
export type { DataKey, KeyRing } from "../core/key-ring.ts";
export type { PrivacyOptions } from "../core/privacy.ts";
export { type KeyFolderOptions, keyFolder } from "./key-folder.ts";
export { type KeyPool, type PostgresKeysOptions, postgresKeys } from "./postgres-keys.ts";
