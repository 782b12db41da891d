import { Idempotency, IdempotencyError, IdempotencyErrorCodes } from "@node-idempotency/core";
import { RedisStorageAdapter } from "@node-idempotency/storage-adapter-redis";
import type { Contender, Intent } from "../contender.ts";
import { HttpError, isRefusal } from "../http-error.ts";
import { keyed, LATER, versionOf } from "./engine/engine.ts";

interface Kept {
  readonly body?: { readonly id: string };
  readonly error?: string;
  readonly additional?: { readonly statusCode?: number };
}

const nodeIdempotency: Contender = {
  name: "node-idempotency",
  version: versionOf("@node-idempotency/core"),
  advice: "https://github.com/mahendraHegde/node-idempotency/blob/main/packages/core/Readme.md",
  needs: ["redis"],

  start: async (world, { redis }) => {
    const storage = new RedisStorageAdapter({ url: redis });
    await storage.connect();
    const idempotency = new Idempotency(storage);
    // The fingerprint is of the body: what names the intent, without the words around it.
    const requestOf = ({ id, effect, payload: { order, amount } }: Intent) => ({
      method: "POST",
      path: `/${effect}`,
      headers: { "idempotency-key": id },
      body: { order, amount },
    });

    /** A handler behind the library, as its plug-ins for Express and Fastify put it: errors are answers, and kept too. */
    async function handle(intent: Intent): Promise<Kept> {
      const request = requestOf(intent);
      const known = (await idempotency.onRequest(request)) as Kept | undefined;
      if (known) return known;
      let kept: Kept;
      try {
        kept = { body: await world.act(intent, keyed(world, intent.id)), additional: { statusCode: 200 } };
      } catch (error) {
        const statusCode = error instanceof HttpError ? error.status : 500;
        kept = { error: (error as Error).message, additional: { statusCode } };
      }
      await idempotency.onResponse(request, kept);
      return kept;
    }

    return {
      perform: async (intent) => {
        try {
          const { body, error, additional } = await handle(intent);
          if (body) return { said: "done", result: body };
          throw new HttpError(additional?.statusCode ?? 500, error);
        } catch (error) {
          if (isRefusal(error)) return { said: "failed", why: error.message };
          const isRunning =
            error instanceof IdempotencyError && error.code === IdempotencyErrorCodes.REQUEST_IN_PROGRESS;
          if (isRunning) return LATER; // 409: its client comes again
          throw error;
        }
      },
      close: () => storage.disconnect(),
    };
  },
};

export default nodeIdempotency;
