import { StringDecoder } from "node:string_decoder";

/**
 * What a command did, as its receipt keeps it: the exit code and both streams, byte for byte. A stream that is not
 * text stands in base64; one that was longer than the cap is cut, and `truncated` has the bytes it really had.
 */
export interface CommandResult {
  readonly exit_code: number;
  readonly stdout?: string;
  readonly stdout_base64?: string;
  readonly stderr?: string;
  readonly stderr_base64?: string;
  readonly truncated?: { readonly stdout?: number; readonly stderr?: number };
}

/** Keeps the first `cap` bytes of a stream and counts the rest. */
export class Capture {
  readonly #cap: number;
  readonly #chunks: Buffer[] = [];
  #kept = 0;
  total = 0;

  constructor(cap: number) {
    this.#cap = cap;
  }

  push(chunk: Buffer): void {
    this.total += chunk.length;
    const room = this.#cap - this.#kept;
    if (room <= 0) return;
    const kept = chunk.length <= room ? chunk : chunk.subarray(0, room);
    this.#chunks.push(kept);
    this.#kept += kept.length;
  }

  get cut(): boolean {
    return this.total > this.#kept;
  }

  /** As text when it is text; where it was cut, without half a character at its end. */
  encoded(): { text: string } | { base64: string } {
    const bytes = Buffer.concat(this.#chunks);
    const text = this.cut ? new StringDecoder("utf8").write(bytes) : bytes.toString("utf8");
    const isText = !text.includes("\u0000") && Buffer.from(text).equals(bytes.subarray(0, Buffer.byteLength(text)));
    return isText ? { text } : { base64: bytes.toString("base64") };
  }
}

export function commandResult(exitCode: number, stdout: Capture, stderr: Capture): CommandResult {
  const out = stdout.encoded();
  const err = stderr.encoded();
  const cut = { ...(stdout.cut && { stdout: stdout.total }), ...(stderr.cut && { stderr: stderr.total }) };
  return {
    exit_code: exitCode,
    ...("text" in out ? { stdout: out.text } : { stdout_base64: out.base64 }),
    ...("text" in err ? { stderr: err.text } : { stderr_base64: err.base64 }),
    ...(stdout.cut || stderr.cut ? { truncated: cut } : {}),
  };
}

/** What a replay writes and exits with. A result that a person gave may be anything: it is then shown as it is. */
export function replayable(result: unknown): { exitCode: number; stdout: Buffer; stderr: Buffer } {
  const nothing = Buffer.alloc(0);
  if (result === undefined || result === null) return { exitCode: 0, stdout: nothing, stderr: nothing };
  const { exit_code: exitCode } = result as Partial<CommandResult>;
  if (typeof exitCode !== "number") {
    const text = typeof result === "string" ? result : JSON.stringify(result);
    return { exitCode: 0, stdout: Buffer.from(`${text}\n`), stderr: nothing };
  }
  const one = result as CommandResult;
  return { exitCode, stdout: bytes(one.stdout, one.stdout_base64), stderr: bytes(one.stderr, one.stderr_base64) };
}

function bytes(text: string | undefined, base64: string | undefined): Buffer {
  return base64 === undefined ? Buffer.from(text ?? "") : Buffer.from(base64, "base64");
}
