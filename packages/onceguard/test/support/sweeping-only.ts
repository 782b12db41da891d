import { forwardingStore } from "../../src/core/forwarding-store.ts";
import type { Store } from "../../src/index.ts";

/** A store whose sweepers see only the requests with such ids; whatever else is due in it is other people's work. */
export function sweepingOnly(store: Store, requestIds: string): Store {
  return forwardingStore(store, {
    due: async (query) => {
      const due = await store.due({ ...query, limit: 10_000 });
      return due.filter(({ requestId }) => requestId.startsWith(requestIds)).slice(0, query.limit);
    },
  });
}
