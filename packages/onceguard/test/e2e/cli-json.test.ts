import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Folder } from "./cli.ts";

const DOCS = readFileSync(new URL("../../../../docs/command-line.md", import.meta.url), "utf8");
const TABLE = DOCS.slice(DOCS.indexOf("\n## JSON\n"), DOCS.indexOf("\n## The config file\n"));

/** What the documentation says of the document of a command. */
function documented(command: string): string {
  const row = TABLE.split("\n").find((line) => line.split("|")[1]?.includes(`\`${command}\``));
  expect(row, `the row of ${command} in docs/command-line.md`).toBeDefined();
  return row?.split("|").slice(2).join("|") ?? "";
}

it("prints with --json one document, whose fields are those that are documented", async () => {
  const folder = new Folder();
  const { ended } = folder.start(["run", "--json", "--request-id", "a", "--", "sh", "-c", "kill -9 $$"]);
  const commands: [row: string, args: string[]][] = [
    ["receipts", ["receipts"]],
    ["receipts show", ["receipts", "show", "a"]],
    ["log", ["log"]],
    ["review list", ["review", "list"]],
    ["reconcile", ["reconcile"]],
    ["review resolve", ["review", "resolve", "a", "--did-not-happen", "--reason", "it was killed"]],
    ["halt", ["halt", "run", "r", "--reason", "a loop"]],
    ["halt --list", ["halt", "--list"]],
    ["resume", ["resume", "run", "r", "--reason", "corrected"]],
    ["blast-radius", ["blast-radius", "--action", "run"]],
    ["doctor", ["doctor"]],
    ["migrate", ["migrate"]],
    ["retention", ["retention", "--older-than", "1d", "--dry-run"]],
    ["retention", ["retention", "--older-than", "1d"]],
    ["restore", ["restore", "--status"]],
    ["signing-keys", ["signing-keys", "keys.json"]],
    ["seal", ["seal", "--keys", "keys.json", "--into", "sealed", "--origin", "example.com/log"]],
    ["verify", ["verify", "--sealed", "sealed", "--origin", "example.com/log", "--keys", "keys.json"]],
    ["init", ["init"]],
    ["checklist", ["checklist"]],
  ];
  const documents: [row: string, document: Record<string, unknown>][] = [["run", (await ended).json()]];
  for (const [row, args] of commands) documents.push([row, (await folder.onceguard(...args, "--json")).json()]);
  for (const [row, document] of documents) {
    expect(document, row).not.toHaveProperty("error");
    const words = documented(row);
    for (const field of Object.keys(document)) expect(words, `${row}: ${field}`).toContain(`\`${field}\``);
  }
});

it("prints an error as a document, too", async () => {
  const folder = new Folder();
  const refused = await folder.onceguard("receipts", "--store", "sqlite:none.db", "--json");
  expect(refused.code).toBe(1);
  expect(refused.json()).toMatchObject({ error: { code: "store_unusable", message: expect.any(String) } });
});
