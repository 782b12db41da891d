import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { Folder, startProcess } from "./cli.ts";

function hasGroff(): boolean {
  try {
    execFileSync("groff", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

it("has every command with its options, in the macros of man", async () => {
  const folder = new Folder();
  const page = await folder.onceguard("man");
  expect(page).toMatchObject({ code: 0, stderr: "" });
  expect(page.stdout).toMatch(/^\.TH ONCEGUARD 1 "" "onceguard \d+\.\d+\.\d+" /);
  for (const section of ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES"]) {
    expect(page.stdout).toContain(`\n.SH ${section}\n`);
  }
  const lines = page.stdout.split("\n");
  const macros = [".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".I", ".br", ".nf", ".fi", ".RS", ".RE", ".nh", ".ad"];
  const unknown = lines.filter((line) => /^[.']/.test(line) && !macros.includes(line.split(" ")[0] ?? ""));
  expect(unknown).toEqual([]);
});

it.skipIf(!hasGroff())("is rendered without a warning, and reads as the help does", async () => {
  const folder = new Folder();
  writeFileSync(folder.file("onceguard.1"), (await folder.onceguard("man")).stdout);
  const groff = ["-man", "-ww", "-Kutf8", "-Tutf8", "-P-cbou", "-rLL=200n", "onceguard.1"];
  const { code, stdout, stderr } = await startProcess("groff", groff, folder.path).ended;
  expect([code, stderr]).toEqual([0, ""]);
  const read = stdout.replace(/\s+/g, " ");
  for (const words of [[], ["run"], ["receipts", "list"], ["review", "resolve"], ["halt"], ["doctor"]]) {
    const help = (await folder.onceguard(...words, "--help")).stdout;
    for (const [line] of help.matchAll(/^ {2}(?:\$ |--).*$/gm)) {
      const [first = "", second = ""] = line.trim().replace(/^\$ /, "").split(/ {2,}/);
      expect(read, `${words.join(" ")}: ${line}`).toContain(first.replace(/\s+/g, " "));
      expect(read, `${words.join(" ")}: ${line}`).toContain(second.replace(/\s+/g, " "));
    }
  }
});
