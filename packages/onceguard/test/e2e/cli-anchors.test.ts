import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Folder } from "./cli.ts";

const ORIGIN = "example.com/anchors";

test("seal anchors in git and at a witness at once; either tells of a history that was made anew", async () => {
  const posted: string[] = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    posted.push(body);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const witness = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  const folder = new Folder();
  mkdirSync(folder.file("tree"));
  execFileSync("git", ["-C", folder.file("tree"), "init", "--quiet"]);
  await folder.onceguard("run", "--request-id", "a", "--", "true");
  await folder.onceguard("signing-keys", "keys.json", "--public", "public.json");
  const seal = (into: string, ...anchors: string[]) =>
    folder.onceguard(
      ...["seal", "--keys", "keys.json", "--into", into, "--origin", ORIGIN],
      ...anchors.flatMap((place) => ["--anchor", place]),
    );
  expect(await seal("sealed", "git:tree", witness)).toMatchObject({ code: 0, stderr: "" });
  expect(posted).toHaveLength(1);
  writeFileSync(folder.file("posted"), posted[0] ?? "");

  const verify = (sealed: string, anchored: string) =>
    folder.onceguard(
      ...["verify", "--sealed", sealed, "--origin", ORIGIN, "--keys", "public.json", "--anchored", anchored, "--json"],
    );
  for (const anchored of ["tree/checkpoint", "posted"]) {
    const { code, json } = await verify("sealed", anchored);
    expect(code).toBe(0);
    const { leaves, anchored: n } = json();
    expect(n).toBe(leaves);
  }

  // Somebody with the key and the database seals another history of the same length.
  const edit = "UPDATE onceguard_log SET actor = 'somebody else'";
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(folder.file("onceguard.db"));
  db.exec(edit);
  db.close();
  expect((await seal("forged")).code).toBe(0);
  for (const anchored of ["tree/checkpoint", "posted"]) {
    const { code, json } = await verify("forged", anchored);
    expect(code).toBe(1);
    expect(json().problems).toMatchObject([{ code: "anchor_differs" }]);
  }
});

test("an anchor that is away is said, and sealing goes on", async () => {
  const folder = new Folder();
  await folder.onceguard("run", "--request-id", "a", "--", "true");
  await folder.onceguard("signing-keys", "keys.json");
  const args = ["seal", "--keys", "keys.json", "--into", "sealed", "--origin", ORIGIN];
  const sealed = await folder.onceguard(...args, "--anchor", "http://127.0.0.1:1/", "--anchor", "git:nowhere");
  expect(sealed).toMatchObject({ code: 0, stdout: expect.stringContaining("entries sealed") });
  expect(sealed.stderr).toContain("anchor http 127.0.0.1:1: ");
  expect(sealed.stderr).toContain("anchor git nowhere: ");
});
