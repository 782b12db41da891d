import { effectError } from "../../core/failure.ts";
import { type FetchedLike, type PageLike, pageOf, type RequestLike, type RouteLike } from "./page-like.ts";

/**
 * Who sends the request that makes the effect. `playwright` (default): Playwright's own client, on the page's behalf and with
 * its cookies, once. `browser`: the browser itself. Chromium sends a request that gets no answer a second time by itself,
 * a POST too, when its connection was used before: one click, one request event, two effects.
 */
export type SentBy = "playwright" | "browser";

/** What the other side said to the request that made the effect. */
export interface Answer {
  readonly status: number;
  readonly url: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** An answer, and how the page gets to hear of it. */
export interface Sent {
  readonly answer: Answer;
  deliver(): Promise<void>;
}

/** Sends the request of `page` that waits at the gate. */
export type Sender = (route: RouteLike, page: PageLike) => Promise<Sent>;

export function sender(by: SentBy): Sender {
  return by === "browser" ? byBrowser : byPlaywright;
}

async function byPlaywright(route: RouteLike): Promise<Sent> {
  const request = route.request();
  if (!isBodyWhole(request)) {
    throw effectError({
      certainty: "definite",
      tier: "validation",
      code: "body_unreadable",
      message:
        'Playwright does not show all of the request\'s body (a file from the disk?). Nothing was sent; sentBy: "browser" sends it.',
    });
  }
  const fetched = await fetchOnce(route, request);
  const isElsewhere = KEEPS_METHOD.has(fetched.status());
  return {
    answer: await answerOf(fetched),
    // The page would follow it by itself, and nobody would see what becomes of that.
    deliver: () => (isElsewhere ? route.abort("blockedbyclient") : fulfil(route, fetched)),
  };
}

/** Until the page has gone where the answer leads; one that stays (a download, a 204) is not waited for much longer. */
async function fulfil(route: RouteLike, response: FetchedLike): Promise<void> {
  const request = route.request();
  const page = request.isNavigationRequest() ? pageOf(request) : null;
  const goes = page?.waitForEvent("framenavigated", { timeout: 3_000 }).catch(() => undefined);
  await route.fulfill({ response });
  await goes;
}

/** With these the same request goes on to another address, in which the effect is. */
const KEEPS_METHOD: ReadonlySet<number> = new Set([307, 308]);

const ONCE = { maxRedirects: 0, maxRetries: 0, timeout: 0 } as const;

async function fetchOnce(route: RouteLike, request: RequestLike): Promise<FetchedLike> {
  let fetched = await route.fetch(ONCE);
  for (let hop = 0; hop < 5 && KEEPS_METHOD.has(fetched.status()); hop++) {
    const next = URL.parse(fetched.headers().location ?? "", fetched.url());
    // What the page sends along (cookies, tokens) is for its own site.
    if (next?.origin !== new URL(request.url()).origin) break;
    fetched = await route.fetch({ ...ONCE, url: next.href });
  }
  return fetched;
}

/** Playwright leaves out of a body what the browser reads from a file, without a word: sent like that, it would be another one. */
function isBodyWhole(request: RequestLike): boolean {
  const type = request.headers()["content-type"] ?? "";
  const body = request.postDataBuffer();
  // An empty form, or a script's POST of nothing; with another type it is a file itself.
  if (body === null) return /^$|^application\/(?:x-www-form-urlencoded|json)\b/.test(type);
  if (!type.startsWith("multipart/form-data")) return true;
  return !/filename="[^"]+"(?:\r\n[^\r\n]+)*\r\n\r\n\r\n--/.test(Buffer.from(body).toString("latin1"));
}

async function byBrowser(route: RouteLike, page: PageLike): Promise<Sent> {
  const request = route.request();
  await route.fallback();
  const response = await untilGone(page, request.response());
  if (response === null) throw new Error(`The request got no answer: ${request.failure()?.errorText ?? "cut off"}`);
  return { answer: await answerOf(response), deliver: async () => undefined };
}

/** A page that closes takes its requests along, and Playwright would wait for their answers for good. */
async function untilGone<T>(page: PageLike, promise: Promise<T>): Promise<T> {
  const gone = Promise.withResolvers<never>();
  const leave = (): void => gone.reject(new Error("The page was closed or crashed before the answer."));
  page.on("close", leave);
  page.on("crash", leave);
  try {
    return await Promise.race([promise, gone.promise]);
  } finally {
    page.off("close", leave);
    page.off("crash", leave);
  }
}

async function answerOf(fetched: FetchedLike): Promise<Answer> {
  // A redirect has no body that could be read; the page may have gone on, and the body with it.
  const text = await fetched.text().catch(() => "");
  return { status: fetched.status(), url: fetched.url(), headers: fetched.headers(), text };
}

/** A page that cannot go on stays as it is, ready for what is done next; to a script it is an error. */
export async function stop(route: RouteLike): Promise<void> {
  await route.abort(route.request().isNavigationRequest() ? "aborted" : "failed");
}
