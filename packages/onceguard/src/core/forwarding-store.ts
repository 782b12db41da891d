import type { Store } from "./ports.ts";

/**
 * A store of which some verbs behave otherwise, and all others as `store`'s own. By a proxy: it forwards whatever the
 * port comes to have.
 */
export function forwardingStore(store: Store, verbs: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (Object.hasOwn(verbs, name)) return Reflect.get(verbs, name);
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
