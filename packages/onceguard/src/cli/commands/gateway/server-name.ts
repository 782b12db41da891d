/** Programs that run another: the name is that of what they run. */
const RUNNERS =
  /^(?:npx|npm|pnpm|pnpx|yarn|bunx?|node|deno|uvx?|pipx|python[\d.]*|docker|podman|sh|bash|env|exec|run|dlx|x|cmd)$/;
/** What a program's file and its folders are often called: the name is further up. */
const EVERYDAY = /^(?:index|main|server|cli|app|start|dist|build|src|lib|bin|out|node_modules)$/;

/**
 * A name for the server that is the same whenever the host starts it: receipts belong to it. From its own command or
 * address, never from what the server says of itself.
 */
export function serverName(from: string | readonly string[]): string {
  if (typeof from === "string") return clean(new URL(from).hostname.replace(/^(?:www|mcp|api)\./, ""));
  const words = from.filter((word) => !/^(?:-|\/c$)/i.test(word));
  const own = words.find((word) => !RUNNERS.test(stem(word.split(/[\\/]/).at(-1) ?? ""))) ?? words[0] ?? "server";
  return clean(telling(own));
}

/** Of a path the last part that is not everyday: `.../server-memory/dist/index.js` is `server-memory`. */
function telling(word: string): string {
  const parts = word.split(/[\\/]/).map(stem).filter(Boolean);
  return parts.findLast((part) => !EVERYDAY.test(part)) ?? parts.at(-1) ?? "server";
}

function stem(part: string): string {
  return part.replace(/(?<=.)@[\w.^~-]+$/, "").replace(/\.(?:[cm]?[jt]s|py|exe|cmd)$/, "");
}

/** `mcp-server-memory` and `server-memory` are both the memory server. */
function clean(name: string): string {
  const short = name.replace(/^(?:mcp-server-|server-|mcp-)/, "").replace(/-(?:mcp-server|mcp|server)$/, "");
  return (short || name).replace(/[^\w.-]/g, "_").slice(0, 60) || "server";
}
