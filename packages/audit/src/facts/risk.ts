const MAX_NESTING = 400;
const MAX_CHAIN = 1400;

/**
 * Could a parser run out of stack on this? A native one does not throw then, it takes the process with it. Brackets are
 * counted without regard to strings, and so are the operators and words of what reads like one endless expression: to be
 * wrong costs a process, not the file.
 */
export function mayExhaustStack(source: string): boolean {
  let depth = 0;
  let chain = 0;
  let inWord = false;
  let alternatives = 0;
  for (let index = 0; index < source.length; index++) {
    const code = source.charCodeAt(index);
    switch (code) {
      case 40: // (
      case 91: // [
      case 60: // <
        if (++depth > MAX_NESTING && code !== 60) return true;
        inWord = false;
        break;
      case 123: // {
        if (++depth > MAX_NESTING) return true;
        chain = 0;
        inWord = false;
        break;
      case 41: // )
      case 93: // ]
      case 62: // >
        if (depth > 0) depth--;
        if (code === 62 && ++chain > MAX_CHAIN) return true;
        inWord = false;
        break;
      case 125: // }
        if (depth > 0) depth--;
        chain = 0;
        inWord = false;
        break;
      case 59: // ;
      case 44: // ,
        chain = 0;
        inWord = false;
        // A `<` that compares is never closed.
        if (code === 59 && depth > 200) depth = Math.min(depth, 200);
        break;
      case 101: // else
        if (!inWord && source.startsWith("else", index) && ++alternatives > MAX_CHAIN) return true;
        if (!inWord && ++chain > MAX_CHAIN) return true;
        inWord = true;
        break;
      default: {
        const isWord = code > 64 || (code > 47 && code < 58) || code === 36;
        const isSpace = code < 33;
        if (!isSpace && (!isWord || !inWord) && ++chain > MAX_CHAIN) return true;
        inWord = isWord;
      }
    }
  }
  return false;
}
