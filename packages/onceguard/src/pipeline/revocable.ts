/**
 * A handle that can be taken back: after `revoke` every call through it throws, also through what it has given out
 * (prepared statements). An effect that outlives its transaction would otherwise write outside of it, unrecorded.
 */
export function revocable(handle: unknown): { readonly handle: unknown; readonly revoke: () => void } {
  let revoked = false;
  const guarded = (target: object): object =>
    new Proxy(target, {
      get: (of, name) => {
        const member: unknown = Reflect.get(of, name, of);
        if (typeof member !== "function") return member;
        return (...parameters: unknown[]) => {
          if (revoked) throw new Error("The transaction is over; nothing more can be written through ctx.tx.");
          const answer: unknown = Reflect.apply(member, of, parameters);
          return isStatement(answer) ? guarded(answer) : answer;
        };
      },
    });
  const usable = typeof handle === "object" && handle !== null ? guarded(handle) : handle;
  return {
    handle: usable,
    revoke: () => {
      revoked = true;
    },
  };
}

function isStatement(value: unknown): value is object {
  return typeof value === "object" && value !== null && "run" in value && "all" in value;
}
