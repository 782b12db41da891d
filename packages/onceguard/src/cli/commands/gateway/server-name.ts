/** Programs that run another: the name is that of what they run. */
const RUNNERS = /^(?:npx|npm|pnpm|pnpx|yarn|bunx?|node|deno|uvx?|pipx|python\d?|docker|sh|bash|env|exec|run|dlx|x)$/;

/**
 * A name for the server that is the same whenever the host starts it: receipts belong to it. From its own command or
 * address, never from what the server says of itself.
 */
export function serverName(from: string | readonly string[]): string {
  if (typeof from === "string") return clean(new URL(from).hostname.replace(/^(?:www|mcp|api)\./, ""));
  const words = from.filter((word) => !word.startsWith("-")).map((word) => word.split(/[\\/]/).at(-1) as string);
  const own = words.find((word) => !RUNNERS.test(word)) ?? words[0] ?? "server";
  return clean(own.replace(/@[\w.^~-]+$/, "").replace(/\.(?:[cm]?[jt]s|py|exe)$/, ""));
}

/** `mcp-server-memory` and `server-memory` are both the memory server. */
function clean(name: string): string {
  const short = name.replace(/^(?:mcp-server-|server-|mcp-)/, "").replace(/-(?:mcp-server|mcp|server)$/, "");
  return (short || name).replace(/[^\w.-]/g, "_").slice(0, 60) || "server";
}
