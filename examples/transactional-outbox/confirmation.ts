import { defineAction } from "onceguard";
import { find, post } from "../support/http.ts";

interface Confirmation {
  readonly order: string;
}

/** Known to the shop, which enqueues it, and to the process that sends. */
export function confirmationOf(mailServer: string) {
  return defineAction({
    name: "confirm_order",
    riskTier: "side_effecting",
    keyFields: ["order"],
    execute: (confirmation: Confirmation, { signal }) =>
      post<Confirmation>(`${mailServer}/mail`, confirmation, { signal }),
    probe: async ({ order }) => {
      const [result] = await find<Confirmation>(`${mailServer}/mail`, { order });
      return result ? { answer: "happened", result } : { answer: "did_not_happen" };
    },
  });
}
