import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

interface StaticFile {
  readonly type: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Only our own files, nothing inline, no other origin; and no text ever becomes markup. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** Beside the code in dist; the second is for whoever runs the sources. */
const FOLDERS = ["../dashboard/", "../../dist/dashboard/"].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** The console's files: few and small, so they are kept as they are sent. Null where they were not built. */
function readFiles(): ReadonlyMap<string, StaticFile> | null {
  const folder = FOLDERS.find((one) => existsSync(join(one, "index.html")));
  if (folder === undefined) return null;
  const names = globSync("**/*.*", { cwd: folder }).filter((name) => TYPES[extname(name)] !== undefined);
  return new Map(names.map((name) => [name.replaceAll("\\", "/"), fileOf(join(folder, name))]));
}

function fileOf(path: string): StaticFile {
  const plain = new Uint8Array(readFileSync(path));
  const etag = `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`;
  return { type: TYPES[extname(path)] ?? "", plain, gzip: new Uint8Array(gzipSync(plain, { level: 9 })), etag };
}

/** Answers for what lies below `/console/`; null where there is nothing of that name, or no console. */
export function consolePages(): (name: string, request: Request) => Response | null {
  const files = readFiles();
  return (name, { headers }) => {
    const file = files?.get(name === "" ? "index.html" : name);
    if (!file) return null;
    const { type, etag, plain, gzip } = file;
    const isNamedByContent = name.startsWith("assets/");
    const cached = isNamedByContent ? "public, max-age=31536000, immutable" : "no-cache";
    const all = { ...HEADERS, etag, "cache-control": cached, vary: "accept-encoding" };
    if (headers.get("if-none-match") === etag) return new Response(null, { status: 304, headers: all });
    const zipped = /\bgzip\b/.test(headers.get("accept-encoding") ?? "");
    return new Response(zipped ? gzip : plain, {
      headers: { ...all, "content-type": type, ...(zipped && { "content-encoding": "gzip" }) },
    });
  };
}
