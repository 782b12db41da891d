import { OnceguardError } from "../core/errors.ts";
import type { FetchRule } from "./rule.ts";

/** Methods that change something. */
const CHANGING: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);

export function isChanging(method: string): boolean {
  return CHANGING.has(method);
}

export type Matches = (method: string, url: URL) => boolean;

/** @throws OnceguardError `invalid_option` */
export function matcher({ name, method, url }: FetchRule): Matches {
  const methods = method === undefined ? CHANGING : new Set([method].flat().map((one) => one.toUpperCase()));
  const fits = urlMatcher(name, url);
  return (given, address) => methods.has(given) && fits(address);
}

function urlMatcher(name: string, url: FetchRule["url"]): (address: URL) => boolean {
  if (typeof url === "function") return url;
  if (url instanceof RegExp) {
    // Not with the state of a `g`: the second request would not fit.
    const pattern = new RegExp(url.source, url.flags.replaceAll(/[gy]/g, ""));
    return ({ href }) => pattern.test(href);
  }
  const [, origin, path] = /^(https?:\/\/[^/?#*]+)(\/[^?#]*)?$/.exec(String(url)) ?? [];
  if (origin === undefined) {
    throw new OnceguardError(
      "invalid_option",
      `The rule "${name}" has url ${JSON.stringify(url)}; it must be like "https://api.example/v1/orders/*/refunds", without a query.`,
      { option: "rules", rule: name },
    );
  }
  const base = new URL(origin).origin;
  const steps = new URL(path ?? "/", base).pathname.split("/");
  return (address) => {
    const given = address.pathname.split("/");
    return (
      address.origin === base &&
      given.length === steps.length &&
      steps.every((step, n) => (step === "*" ? given[n] !== "" : step === given[n]))
    );
  };
}
