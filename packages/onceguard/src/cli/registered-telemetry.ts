import type { Telemetry } from "../core/telemetry.ts";
import { note } from "./output.ts";

/** Where the OpenTelemetry API keeps what an SDK has registered. */
const REGISTERED = Symbol.for("opentelemetry.js.api.1");

/**
 * An SDK that was registered before this began (`node --import ./otel.js`) is told what the guard does. Without one, not
 * even the API is loaded.
 */
export async function registeredTelemetry(): Promise<{ readonly telemetry?: Telemetry }> {
  if (!(REGISTERED in globalThis)) return {};
  try {
    const { openTelemetry } = await import("../telemetry/otel.ts");
    return { telemetry: openTelemetry() };
  } catch {
    note(
      "an OpenTelemetry SDK is registered, but @opentelemetry/api is not installed beside onceguard: nothing is told",
    );
    return {};
  }
}
