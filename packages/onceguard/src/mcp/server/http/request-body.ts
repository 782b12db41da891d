import type { IncomingMessage } from "node:http";
import { FRAME_LIMITS } from "../frame.ts";

/** The body as text; null when it is larger than a message may be, and then the rest of it is not read. */
export async function readBody(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers["content-length"] ?? 0) > FRAME_LIMITS.maxBytes) return null;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > FRAME_LIMITS.maxBytes) return null;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
