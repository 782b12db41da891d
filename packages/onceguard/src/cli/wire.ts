export * from "../wire/wire.ts";
