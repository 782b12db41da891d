#!/usr/bin/env node
// `onceguard-mcp ...` is `onceguard mcp ...`, and `onceguard-mcp gateway ...` is `onceguard gateway ...`: in a package
// of their own, because registries and hosts start one package with npx, which installs no optional peers.
if (process.argv[2] !== "gateway" && process.argv[2] !== "mcp") process.argv.splice(2, 0, "mcp");
await import(new URL("bin/onceguard.js", import.meta.resolve("onceguard/package.json")));
