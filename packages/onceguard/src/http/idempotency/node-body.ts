import type { IncomingMessage } from "node:http";

/**
 * Reads a request's body and puts it back, so that whoever comes next reads it as if for the first time. Null: larger than
 * allowed; the rest is then not read.
 *
 * @throws when the body does not arrive whole
 */
export function peekBody(request: IncomingMessage, maxBytes: number): Promise<Uint8Array | null> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = (): void => {
      request.off("readable", take);
      request.off("error", fail);
      request.off("close", closed);
      request.off("end", take);
    };
    const fail = (error: Error): void => {
      stop();
      reject(error);
    };
    const closed = (): void => fail(Object.assign(new Error("the body did not arrive whole"), { code: "ECONNRESET" }));
    const take = (): void => {
      for (let chunk = request.read(); chunk !== null; chunk = request.read()) {
        chunks.push(chunk as Buffer);
        size += (chunk as Buffer).length;
        if (size > maxBytes) {
          stop();
          resolve(null);
          return;
        }
      }
      if (!request.complete) return;
      stop();
      const body = Buffer.concat(chunks, size);
      // In the same turn as the last read: after it the stream would end, and could not be given anything back.
      if (size > 0) request.unshift(body);
      resolve(body);
    };
    request.on("readable", take);
    request.on("end", take);
    request.once("error", fail);
    request.once("close", closed);
    // What has arrived before anybody listened.
    take();
  });
}
