import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Me, Role } from "../api/types.ts";

export const MeContext = createContext<Me | null>(null);

export function useMe(): Me {
  const me = useContext(MeContext);
  if (me === null) throw new Error("nobody is there");
  return me;
}

/** What is offered, and nothing more: whether it may be done, the API decides. */
const MAY: Readonly<Record<"look" | "decide" | "stop", readonly Role[]>> = {
  look: ["reviewer", "operator", "auditor"],
  decide: ["reviewer", "operator"],
  stop: ["operator"],
};

export function may({ roles }: Me, what: keyof typeof MAY): boolean {
  return roles.some((role) => MAY[what].includes(role));
}
