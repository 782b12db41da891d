import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { Hono } from "hono";
import { expect, it, onTestFinished } from "vitest";
import { httpApi } from "../../onceguard/src/http/http-api.ts";
import { createGuard } from "../../onceguard/src/pipeline/create-guard.ts";
import { memoryStore } from "../../onceguard/src/stores/memory/memory-store.ts";

const onceguard = fileURLToPath(new URL("../../onceguard", import.meta.url));
const built = join(onceguard, "dist/dashboard");

async function api(options: { readonly console?: boolean; readonly basePath?: string }) {
  const guard = createGuard({ store: memoryStore(), sweepEvery: false });
  const made = await httpApi({ guard, actions: [], open: true, ...options });
  onTestFinished(async () => {
    made.close();
    await guard.close();
  });
  return made;
}

it("all files together are under 150 kB compressed, and nothing of them is inline or from elsewhere", () => {
  const files = globSync("**/*.*", { cwd: built });
  const sizes = files.map((file) => gzipSync(readFileSync(join(built, file)), { level: 9 }).length);
  expect(files.length).toBeGreaterThanOrEqual(4);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(150_000);
  const html = readFileSync(join(built, "index.html"), "utf8");
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?:\/\//);
  const css = globSync("assets/*.css", { cwd: built }).map((file) => readFileSync(join(built, file), "utf8"));
  expect(css.join("")).not.toMatch(/@import|url\(["']?(?:https?:)?\/\//);
});

it("is served with a strict policy, without a key, compressed, and cached by content", async () => {
  const { fetch } = await api({ console: true });
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(new Request(`http://localhost${path}`, { headers, redirect: "manual" }));
  const start = await ask("/");
  expect([start.status, start.headers.get("location")]).toEqual([302, "/console/"]);
  const page = await ask("/console/");
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  expect(page.headers.get("x-content-type-options")).toBe("nosniff");
  expect(page.headers.get("cache-control")).toBe("no-cache");
  const html = await page.text();
  const script = /src="\.\/(assets\/[^"]+\.js)"/.exec(html)?.[1];
  const zipped = await ask(`/console/${script}`, { "accept-encoding": "gzip" });
  expect([zipped.status, zipped.headers.get("content-encoding")]).toEqual([200, "gzip"]);
  expect(zipped.headers.get("cache-control")).toContain("immutable");
  const again = await ask(`/console/${script}`, { "if-none-match": zipped.headers.get("etag") ?? "" });
  expect(again.status).toBe(304);
  for (const path of ["/console/nothing", "/console/..%2f..%2fpackage.json", "/console/assets/"]) {
    expect([path, (await ask(path)).status]).toEqual([path, 404]);
  }
});

it("is not there unless asked for; and can be mounted in another app", async () => {
  const without = await api({});
  expect((await without.fetch(new Request("http://localhost/console/"))).status).toBe(404);
  expect((await without.fetch(new Request("http://localhost/"))).status).toBe(404);
  const mounted = await api({ console: true, basePath: "/guard" });
  const app = new Hono();
  app.all("/guard/*", (context) => mounted.fetch(context.req.raw));
  const page = await app.request("/guard/console/");
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('src="./assets/')]);
  expect((await app.request("/guard/v1/me")).status).toBe(200);
});

it("ships with the onceguard package", () => {
  const packed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: onceguard,
    encoding: "utf8",
  });
  const [pack] = Object.values(
    JSON.parse(packed) as Record<string, { readonly files: readonly { readonly path: string }[] }>,
  );
  const shipped = pack?.files.map(({ path }) => path);
  for (const file of globSync("**/*.*", { cwd: built })) expect(shipped).toContain(`dist/dashboard/${file}`);
});
