import type { ProviderContract } from "./provider-contract.ts";

/** What follows where no call takes a key by which the provider dedupes: whatever is sent again happens again. */
export const NO_KEY: Pick<ProviderContract, "key" | "onRepeat" | "onMismatch" | "cachesErrors" | "concurrent"> = {
  key: null,
  onRepeat: "executes",
  onMismatch: "executes",
  cachesErrors: "none",
  concurrent: "unknown",
};
