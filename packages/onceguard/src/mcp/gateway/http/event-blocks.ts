import { StringDecoder } from "node:string_decoder";

/** One event of an event stream: as it came, and its data. */
export interface EventBlock {
  /** Up to and including the empty line. */
  readonly raw: string;
  readonly data: string;
}

/** Cuts an event stream (Server-Sent Events) into its events, whatever the chunks. An unfinished last one is no event. */
export async function* eventBlocks(stream: AsyncIterable<unknown>): AsyncGenerator<EventBlock> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of stream) {
    rest += decoder.write(chunk as Buffer);
    for (let end = blockEnd(rest); end > 0; end = blockEnd(rest)) {
      const raw = rest.slice(0, end);
      rest = rest.slice(end);
      yield { raw, data: dataOf(raw) };
    }
  }
}

function blockEnd(text: string): number {
  const match = /\r\n\r\n|\n\n|\r\r/.exec(text);
  return match === null ? -1 : match.index + match[0].length;
}

function dataOf(raw: string): string {
  return raw
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(line.startsWith("data: ") ? 6 : 5))
    .join("\n");
}

/** The same event with other data. */
export function withData({ raw }: EventBlock, data: string): string {
  const others = raw.split(/\r\n|\n|\r/).filter((line) => line !== "" && !line.startsWith("data:"));
  return `${[...others, `data: ${data}`].join("\n")}\n\n`;
}

export function eventText(data: string): string {
  return `event: message\ndata: ${data}\n\n`;
}
