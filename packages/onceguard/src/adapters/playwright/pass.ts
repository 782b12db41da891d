import {
  type ContextLike,
  type PageLike,
  pageOf,
  type RequestLike,
  type RouteLike,
  withoutQuery,
} from "./page-like.ts";
import { type Answer, type Sender, stop } from "./send.ts";

/** What may change something on the other side. */
export const CHANGING: readonly string[] = ["POST", "PUT", "PATCH", "DELETE"];

/** One step's right to send. */
export class Pass {
  readonly page: PageLike;
  /** Resolves when the request is on its way. */
  readonly taken: Promise<void>;
  /** Resolves when nothing can be sent by it any more. */
  readonly closed: Promise<void>;
  readonly answered: Promise<Answer>;
  /** Resolves when the page has got the answer, or cannot get it any more. */
  readonly delivered: Promise<void>;
  readonly #sender: Sender;
  readonly #left: () => void;
  readonly #met: WeakSet<RequestLike>;
  readonly #context: ContextLike;
  readonly #otherPages: ReadonlySet<PageLike>;
  readonly #seen = new Set<RequestLike>();
  readonly #taken = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #answered = Promise.withResolvers<Answer>();
  readonly #delivered = Promise.withResolvers<void>();
  #request: RequestLike | null = null;
  #isClosed = false;
  #hasDied = false;

  /** `met`: the requests that gates have decided on. */
  constructor(page: PageLike, sender: Sender, left: () => void, met: WeakSet<RequestLike>) {
    this.page = page;
    this.#sender = sender;
    this.#left = left;
    this.#met = met;
    this.taken = this.#taken.promise;
    this.closed = this.#closed.promise;
    this.answered = this.#answered.promise;
    this.answered.catch(() => undefined);
    this.delivered = this.#delivered.promise;
    this.#context = page.context();
    this.#otherPages = new Set(this.#context.pages().filter((other) => other !== page));
    this.#context.on("request", this.#see);
    page.on("crash", this.#die);
  }

  /** Whether what the page did may have gone unseen. */
  get hasDied(): boolean {
    return this.#hasDied || this.page.isClosed();
  }

  get isTaken(): boolean {
    return this.#request !== null;
  }

  /** What else the step's page has sent that may have changed something, as `METHOD address`. */
  get otherRequests(): readonly string[] {
    const others = [...this.#seen].filter((request) => !this.#met.has(request));
    return others.map((request) => `${request.method()} ${withoutQuery(request.url())}`);
  }

  take(request: RequestLike): boolean {
    if (this.#request !== null || this.#isClosed) return false;
    this.#request = request;
    this.#taken.resolve();
    return true;
  }

  async send(route: RouteLike): Promise<void> {
    try {
      const { answer, deliver } = await this.#sender(route, pageOf(route.request()) ?? this.page);
      this.#answered.resolve(answer);
      await deliver();
    } catch (error) {
      this.#answered.reject(error);
      await stop(route).catch(() => undefined);
    } finally {
      this.#delivered.resolve();
    }
  }

  /** From here on nothing leaves any more; what the page tries is still seen. */
  close(): void {
    this.#isClosed = true;
    this.#left();
    this.#closed.resolve();
  }

  end(): void {
    this.close();
    this.#context.off("request", this.#see);
    this.page.off("crash", this.#die);
  }

  readonly #die = (): void => {
    this.#hasDied = true;
  };

  readonly #see = (request: RequestLike): void => {
    const page = pageOf(request);
    const isForeign = page !== null && this.#otherPages.has(page);
    if (CHANGING.includes(request.method()) && !isForeign) this.#seen.add(request);
  };
}
