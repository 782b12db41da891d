/** Text of the target, made harmless: names of files and functions may hold terminal escapes or markup. */

/** Control characters, and those that turn the direction of text. */
const HIDDEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** For a terminal: control characters become visible. */
export function plain(text: string): string {
  return text.replace(HIDDEN, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}

export function html(text: string): string {
  return plain(text).replace(/[&<>"']/g, (one) => ENTITIES[one] as string);
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** For Markdown: nothing becomes a link, markup or a table cell. */
export function markdown(text: string): string {
  return plain(text).replace(/[\\`*_{}[\]<>()#+!|~]/g, (one) =>
    one === "<" ? "&lt;" : one === ">" ? "&gt;" : `\\${one}`,
  );
}

/** For a code span: backticks would end it. */
export function code(text: string): string {
  return `\`${plain(text).replaceAll("`", "'").replaceAll("|", "\\|")}\``;
}
