const MAX_NESTING = 400;
const MAX_CHAIN = 1400;

/** What a byte may be: letters, digits and all that is not ASCII are of words, and what is not listed is an operator. */
const OPERATOR = 0;
const SPACE = 1;
const WORD = 2;
const OPENS = 3;
const OPENS_BLOCK = 4;
const CLOSES = 5;
const CLOSES_BLOCK = 6;
const ENDS = 7;
const KINDS: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code);
  if (code < 33) return SPACE;
  if ("([<".includes(char)) return OPENS;
  if (")]>".includes(char)) return CLOSES;
  if (char === "{") return OPENS_BLOCK;
  if (char === "}") return CLOSES_BLOCK;
  if (";,".includes(char)) return ENDS;
  return code > 64 || /[0-9$]/.test(char) ? WORD : OPERATOR;
});
/** What the numbers and commands of a drawing are made of. */
const DRAWS: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) =>
  /[A-Za-z0-9 .,-]/.test(String.fromCharCode(code)) ? 1 : 0,
);
const [LESS, GREATER, SEMICOLON, QUOTE, EQUALS, E] = [60, 62, 59, 34, 61, 101];

/**
 * Could a parser run out of stack on this? A native one does not throw then, it takes the process with it. Brackets are
 * counted without regard to strings, and so are the operators and words of what reads like one endless expression: to be
 * wrong costs a process, not the file.
 */
export function mayExhaustStack(source: Buffer): boolean {
  let depth = 0;
  let chain = 0;
  let inWord = false;
  let alternatives = 0;
  for (let index = 0; index < source.length; index++) {
    const code = source[index] as number;
    const kind = KINDS[code];
    if (kind === WORD) {
      if (inWord) continue;
      inWord = true;
      if (code === E && isElse(source, index) && ++alternatives > MAX_CHAIN) return true;
      if (++chain > MAX_CHAIN) return true;
      continue;
    }
    inWord = false;
    switch (kind) {
      case SPACE:
        break;
      case OPENS:
        if (++depth > MAX_NESTING && code !== LESS) return true;
        break;
      case OPENS_BLOCK:
        if (++depth > MAX_NESTING) return true;
        chain = 0;
        break;
      case CLOSES:
        if (depth > 0) depth--;
        if (code === GREATER && ++chain > MAX_CHAIN) return true;
        break;
      case CLOSES_BLOCK:
        if (depth > 0) depth--;
        chain = 0;
        break;
      case ENDS:
        chain = 0;
        // A `<` that compares is never closed.
        if (code === SEMICOLON && depth > 200) depth = 200;
        break;
      default:
        if (++chain > MAX_CHAIN) return true;
        if (code === QUOTE && source[index - 1] === EQUALS) index = behindDrawing(source, index);
    }
  }
  return false;
}

/**
 * The logos of an application are thousands of numbers each: `d="M12.5 3.2L4-1"`. Where `="` does not open a text it closes
 * one, and no parser goes on behind a text that a letter follows; and nothing in a drawing ends a text or a comment that it
 * stands in.
 */
function behindDrawing(source: Buffer, quote: number): number {
  const first = source[quote + 1];
  if (first !== 77 && first !== 109) return quote;
  let index = quote + 2;
  while (DRAWS[source[index] as number] === 1) index++;
  return index - 1;
}

function isElse(source: Buffer, index: number): boolean {
  return source[index + 1] === 108 && source[index + 2] === 115 && source[index + 3] === E;
}
