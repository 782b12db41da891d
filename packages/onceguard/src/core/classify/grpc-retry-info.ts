/** The largest varint that is read: ten bytes hold 64 bits. */
const MAX_VARINT = 10;

type Value = number | Uint8Array;

/**
 * The delay of a google.rpc.RetryInfo in a serialised google.rpc.Status (the trailer `grpc-status-details-bin`), in ms.
 * Reads the few fields it needs; bytes that are not such a message give undefined.
 *
 *     Status { 3: repeated Any details }     Any { 1: type_url, 2: value }
 *     RetryInfo { 1: Duration retry_delay }  Duration { 1: seconds, 2: nanos }
 */
export function retryDelayMs(status: Uint8Array): number | undefined {
  for (const [field, detail] of fields(status)) {
    if (field !== 3 || typeof detail === "number") continue;
    const any = new Map(fields(detail));
    const [type, info] = [any.get(1), any.get(2)];
    if (!(type instanceof Uint8Array) || !ascii(type).endsWith("/google.rpc.RetryInfo")) continue;
    const delay = info instanceof Uint8Array ? new Map(fields(info)).get(1) : undefined;
    if (!(delay instanceof Uint8Array)) return undefined;
    const duration = new Map(fields(delay));
    return number(duration.get(1)) * 1_000 + number(duration.get(2)) / 1_000_000;
  }
  return undefined;
}

/** Field numbers and values of a protobuf message, as far as it can be read. */
function* fields(bytes: Uint8Array): Generator<[number, Value]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let n = 0; n < MAX_VARINT; n++) {
      const byte = bytes[at++];
      if (byte === undefined) return Number.NaN;
      value += (byte & 0x7f) * 2 ** (7 * n);
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (wireType === 0) {
      yield [field, varint()];
    } else {
      const length = wireType === 2 ? varint() : wireType === 1 ? 8 : wireType === 5 ? 4 : Number.NaN;
      if (!(at + length <= bytes.length)) return;
      yield [field, bytes.subarray(at, at + length)];
      at += length;
    }
  }
}

/** A negative duration is a huge number here, and no wait at all. */
function number(value: Value | undefined): number {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : 0;
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 256));
}
