import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lineWithoutRecord } from "../../src/core/log-line.ts";
import { newKey, openSealer, readSealedLog, verifyLog } from "../../src/seal/index.ts";
import { memoryStore } from "../../src/stores/memory/memory-store.ts";
import { checkpointAnchor } from "../../src/telemetry/otel.ts";
import { told } from "../support/otel.ts";

test("a checkpoint leaves with the traces, and what arrives there verifies", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-otel-anchor-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { tracerProvider, span, inSpan } = told();
  const [store, key, origin] = [memoryStore(), newKey(0), "onceguard.example/otel"];
  const nobody = { runId: null, actor: null, hostScope: null, hostCallId: null, traceId: null, cause: null };
  const about = { tenant: "acme", requestId: "r", action: "pay", recordId: null, ...nobody };
  for (let n = 0; n < 3; n++) await store.append(lineWithoutRecord(about, "proposed", null));
  const sealer = await openSealer({
    store,
    folder,
    origin,
    keys: [key],
    anchors: [checkpointAnchor({ tracerProvider })],
  });
  onTestFinished(sealer.close);
  await inSpan("whoever seals", () => sealer.seal());

  const { attributes, parentSpanContext } = span("onceguard.checkpoint");
  expect(parentSpanContext).toBeUndefined();
  expect(attributes).toMatchObject({ "onceguard.checkpoint.origin": origin, "onceguard.checkpoint.size": 3 });
  const anchors = [attributes["onceguard.checkpoint.note"] as string];
  const verdict = await verifyLog({ log: readSealedLog(folder), origin, keys: [key], anchors });
  expect(verdict).toMatchObject({ problems: [], anchored: 3 });
});
