import { effectError } from "../core/failure.ts";
import type { JsonValue } from "../core/json.ts";
import { invalid } from "./described.ts";
import { filledText, type Given } from "./template.ts";

/** Checked where it is defined. @throws OnceguardError `invalid_action` */
export function checkUrl(name: string, url: unknown): string {
  if (typeof url !== "string") throw invalid(name, "`url` must be a text");
  const origin = /^https?:\/\/[^/?#]*/.exec(url)?.[0];
  if (origin === undefined) throw invalid(name, "`url` must begin with https:// or http://");
  if (/[{}]/.test(origin)) throw invalid(name, "`url` has a field before its path: no payload may say where it goes");
  if (url.includes("#")) throw invalid(name, "`url` has a fragment, which is not sent");
  if (!URL.canParse(url.replace(/\{[^}]*\}/g, "x"))) throw invalid(name, "`url` cannot be read");
  if (new URL(origin).username !== "") throw invalid(name, "`url` holds credentials; use a header");
  return url;
}

/**
 * The address with its fields filled in, percent-encoded. A value that would still move the path (`..`) or leave a hole in
 * it is refused: the server would be asked for something else.
 *
 * @throws an effect error: nothing was sent
 */
export function urlOf(template: string, payload: JsonValue, given: Given): string {
  const url = filledText(template, payload, given, encodeURIComponent);
  const segments = new URL(template.replace(/\{[^}]*\}/g, "x")).pathname.split("/").length;
  const [path = ""] = url.split("?");
  const moves = path.split("/").some((segment) => segment === "." || segment === "..");
  if (!moves && new URL(url).pathname.split("/").length === segments) return url;
  throw effectError({
    certainty: "definite",
    tier: "validation",
    code: "url_not_allowed",
    message: "A value of the payload would change the path of the address, so nothing was sent.",
  });
}
