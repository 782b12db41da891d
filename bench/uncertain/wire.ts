/** What a client sends its store, told statement by statement from the bytes. One per connection, fed from the first byte on. */
export interface Listener {
  /** The statements that begin in this chunk. */
  heard(chunk: Buffer): readonly Statement[];
}

export interface Statement {
  /** The same for every execution of the same statement, whatever its parameters. */
  readonly text: string;
  readonly isWrite: boolean;
}

/** Tells from what the store answers whether what was written by now is there to stay. */
export interface Answers {
  settled(chunk: Buffer): boolean;
}

export interface Protocol {
  listener(): Listener;
  answers(): Answers;
}

/** Statements that change something: by their verb, or by a call of somebody's own function. */
const WRITES =
  /\b(?:insert|update|delete|merge|truncate)\b|^\s*select\b[^;]*?(?:\b|(?="))(?!pg_catalog\.)"?\w+"?\."?\w+"?\s*\(/i;

/** PostgreSQL's frontend/backend protocol, version 3, without TLS. */
export const postgresProtocol: Protocol = {
  listener: () => {
    const prepared = new Map<string, string>();
    let rest = Buffer.alloc(0);
    let started = false;
    return {
      heard: (chunk) => {
        const heard: Statement[] = [];
        let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        for (;;) {
          const header = started ? 1 : 0; // the first message has no type
          if (bytes.length < header + 4) break;
          const end = header + bytes.readUInt32BE(header);
          if (bytes.length < end) break;
          const text = started ? executed(bytes.subarray(0, end), prepared) : undefined;
          if (text !== undefined) heard.push({ text, isWrite: WRITES.test(text) });
          started = true;
          bytes = bytes.subarray(end);
        }
        rest = Buffer.from(bytes);
        return heard;
      },
    };
  },
  answers: () => {
    let rest = Buffer.alloc(0);
    return {
      settled: (chunk) => {
        let settled = false;
        let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        while (bytes.length >= 5 && bytes.length >= 1 + bytes.readUInt32BE(1)) {
          // ReadyForQuery, outside of a transaction: committed.
          if (bytes[0] === 0x5a && bytes[5] === 0x49) settled = true;
          bytes = bytes.subarray(1 + bytes.readUInt32BE(1));
        }
        rest = Buffer.from(bytes);
        return settled;
      },
    };
  },
};

/** Query, or Bind of what a Parse has named before. */
function executed(message: Buffer, prepared: Map<string, string>): string | undefined {
  const texts = message.subarray(5).toString("latin1").split("\0", 2) as [string, string];
  switch (String.fromCharCode(message[0] as number)) {
    case "Q":
      return texts[0];
    case "P":
      prepared.set(texts[0], texts[1]);
      return undefined;
    case "B":
      return prepared.get(texts[1]);
  }
  return undefined;
}

const REDIS_READS =
  /^(?:get|mget|hget|hmget|hgetall|exists|ttl|pttl|type|scan|lrange|llen|zrange|zcard|zscore|smembers|xread|xrevrange|xrange|xlen|info|ping|hello|client|auth|select|subscribe|psubscribe|script|bzpopmin|brpoplpush|blmove|quit|command|config)$/;

/** Redis: arrays of bulk strings. A write is whatever is not known to read; a script is told by its digest. */
export const redisProtocol: Protocol = {
  listener: () => {
    let rest = "";
    return {
      heard: (chunk) => {
        const heard: Statement[] = [];
        rest += chunk.toString("latin1");
        for (let command = redisCommand(rest); command; command = redisCommand(rest)) {
          rest = rest.slice(command.length);
          const name = (command.parts[0] ?? "").toLowerCase();
          const text = name.startsWith("eval") ? `${name} ${command.parts[1]}` : name;
          heard.push({ text, isWrite: !REDIS_READS.test(name) });
        }
        return heard;
      },
    };
  },
  answers: () => ({ settled: () => true }),
};

function redisCommand(bytes: string): { readonly parts: readonly string[]; readonly length: number } | null {
  const count = /^\*(\d+)\r\n/.exec(bytes);
  if (!count) return null;
  const parts: string[] = [];
  let at = count[0].length;
  for (let n = Number(count[1]); n > 0; n--) {
    const size = /^\$(\d+)\r\n/.exec(bytes.slice(at, at + 32));
    if (!size) return null;
    at += size[0].length;
    const end = at + Number(size[1]);
    if (bytes.length < end + 2) return null;
    parts.push(bytes.slice(at, end));
    at = end + 2;
  }
  return { parts, length: at };
}

/** HTTP without a look into it: every chunk writes. For an engine whose server is what remembers. */
export const httpProtocol: Protocol = {
  listener: () => ({ heard: () => [{ text: "request", isWrite: true }] }),
  answers: () => ({ settled: () => true }),
};

/** HTTP/2, from the side that answers: DATA is what an engine's worker tells its server about its work. */
export const http2Protocol: Protocol = {
  listener: () => {
    let rest = Buffer.alloc(0);
    return {
      heard: (chunk) => {
        const heard: Statement[] = [];
        let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
          const [length, type] = [bytes.readUIntBE(0, 3), bytes[3]];
          if (type === 0 && length > 0) heard.push({ text: "data", isWrite: true });
          bytes = bytes.subarray(9 + length);
        }
        rest = Buffer.from(bytes);
        return heard;
      },
    };
  },
  answers: () => ({ settled: () => true }),
};
