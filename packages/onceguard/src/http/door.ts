import { problem } from "./problem.ts";

/** What is decided before anybody knows who calls: by what name, and whose page sent it here. */
export interface Door {
  /** Names that may stand in the Host header, without port. Undefined: any. */
  readonly allowedHosts?: readonly string[];
  /** Web origins that may call besides the server's own, such as `https://ops.example`. */
  readonly allowedOrigins?: readonly string[];
}

/** Names of this machine, by which a page from elsewhere is not known. */
export const LOOPBACK_NAMES: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/**
 * A web page in a browser on this machine reaches what listens here, too. It is told apart by its Origin; and one that
 * has had its name resolve to this machine by the Host it asks for.
 */
export function refusedAtTheDoor(request: Request, { allowedHosts, allowedOrigins = [] }: Door): Response | null {
  const url = new URL(request.url);
  if (allowedHosts && !allowedHosts.includes(url.hostname.toLowerCase())) {
    return problem("wrong_host", "This server does not go by the name in the Host header.");
  }
  const origin = request.headers.get("origin");
  if (origin === null || origin === url.origin || allowedOrigins.includes(origin)) return null;
  return problem("wrong_origin", "Requests of web pages from other origins are not taken.");
}
