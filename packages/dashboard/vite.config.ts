import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Straight into what the onceguard package ships: no order of workspaces to keep, and nothing to copy. */
const outDir = fileURLToPath(new URL("../onceguard/dist/dashboard", import.meta.url));

export default defineConfig({
  // Relative: the console may be mounted anywhere.
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2023",
    // Nothing inline: the content security policy allows none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8788" } },
});
