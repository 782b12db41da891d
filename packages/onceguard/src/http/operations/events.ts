import { outcomeOf } from "../../core/outcome.ts";
import type { Receipt } from "../../core/receipt.ts";
import type { AnyOperation, Call, Operation } from "../operation.ts";
import { outcomeDocument } from "../outcome-response.ts";
import { problem } from "../problem.ts";
import { TEXT } from "../schemas.ts";

/** A reader that is this many events behind is cut off; it comes back with Last-Event-ID. */
const MOST_WAITING = 1_000;

const events: Operation = {
  name: "events",
  method: "GET",
  path: "/v1/events",
  tag: "Events",
  summary: "What becomes of this tenant's requests, as it happens: server-sent events.",
  description:
    "Each event `receipt` is the answer of GET /v1/receipts/{id} without the result. At least once: tell repeats by `request_id` and `receipt.version`. `Last-Event-ID` goes on where a connection broke.",
  roles: ["reviewer", "operator", "auditor"],
  headers: { "Last-Event-ID": { type: "string" } },
  answers: { 200: TEXT },
  readOnly: true,
  run: (call) => stream(call),
};

async function stream({ request, principal, service, left }: Call): Promise<Response> {
  const last = request.headers.get("last-event-id");
  if (last !== null && !/^\d{1,15}$/.test(last)) return problem("invalid_request", "Last-Event-ID is none of ours.");
  const encoder = new TextEncoder();
  let end: () => void = () => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: async (controller) => {
        let open = true;
        let stop: (() => void) | null = null;
        const send = (text: string): void => {
          if (open && (controller.desiredSize ?? 0) <= 0) end();
          if (open) controller.enqueue(encoder.encode(text));
        };
        const beat = setInterval(() => {
          // A key that was taken back reads no further.
          void service.mayStill(request, principal).then((may) => (may ? send(": \n\n") : end()), end);
        }, service.heartbeatMs);
        beat.unref();
        end = () => {
          if (!open) return;
          open = false;
          clearInterval(beat);
          stop?.();
          service.streams.delete(end);
          try {
            controller.close();
          } catch {
            // the reader has left
          }
        };
        service.streams.add(end);
        left.addEventListener("abort", end, { once: true });
        if (left.aborted) return end();
        send("retry: 2000\n\n");
        const stopListening = await service.changes.listen(
          principal.tenant,
          last === null ? null : Number(last),
          (receipt) => send(eventOf(receipt)),
        );
        if (open) stop = stopListening;
        else stopListening();
      },
      cancel: () => end(),
    },
    new CountQueuingStrategy({ highWaterMark: MOST_WAITING }),
  );
  return new Response(body, {
    headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
  });
}

/** Without the result, which may be large: whoever wants it asks for the receipt. */
function eventOf(receipt: Receipt): string {
  const { result: _result, ...told } = outcomeDocument(outcomeOf(receipt));
  return `id: ${receipt.updatedAt}\nevent: receipt\ndata: ${JSON.stringify(told)}\n\n`;
}

export const streaming: readonly AnyOperation[] = [events];
