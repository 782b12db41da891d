#!/usr/bin/env node
// Stands outside dist, so that npm can link it before the first build, and plain enough for a Node that is too old.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 13)) {
  console.error(`onceguard: needs Node 22.13 or later; this is ${process.versions.node}`);
  process.exit(2);
}
// Found compiled the next time, where Node can do that.
const { enableCompileCache } = await import("node:module");
enableCompileCache?.();
await import("../dist/cli/main.js");
