import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { createDatabase, dropDatabase } from "../support/postgres.ts";
import { freePort, serverUser } from "../support/server-process.ts";
import { send, until } from "./service.ts";

const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const deploy = (name: string): string => readFileSync(join(ROOT, "deploy", name), "utf8");

const dockerfile = deploy("Dockerfile");
const compose = deploy("compose.yaml");
const unit = deploy("onceguard.service");
const kubernetes = deploy("kubernetes.yaml");

/** The words of `CMD [...]` and the like. */
function words(instruction: string): string[] {
  const found = new RegExp(`^(?:${instruction}|HEALTHCHECK [^\\n]*\\\\\\n\\s*${instruction}) (\\[.*\\])$`, "gm").exec(
    dockerfile,
  )?.[1];
  return JSON.parse(found ?? "[]") as string[];
}

const COMMAND =
  words("CMD").length > 0 ? (JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? "[]") as string[]) : [];
const HEALTH = JSON.parse(/^\s+CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? "[]") as string[];
const ENTRY = words("ENTRYPOINT");

const seconds = (args: readonly string[], option: string): number =>
  Number.parseInt(args[args.indexOf(option) + 1] ?? "", 10);

describe("the files in deploy/", () => {
  const served = {
    Dockerfile: COMMAND,
    kubernetes: (/args: \[(.*)\]/.exec(kubernetes)?.[1] ?? "").split(", ").map((one) => one.replaceAll('"', "")),
    unit: (/^ExecStart=.*onceguard\.js (.*)$/m.exec(unit)?.[1] ?? "").split(" "),
  };

  it("name options that there are", () => {
    const main = join(ROOT, "packages/onceguard/src/cli/main.ts");
    const help = spawnSync(process.execPath, [main, "serve", "--help"], { encoding: "utf8" }).stdout;
    for (const [file, args] of Object.entries(served)) {
      expect([file, args[0]]).toEqual([file, "serve"]);
      const options = args.filter((one) => one.startsWith("--"));
      expect(options.length).toBeGreaterThan(1);
      for (const option of options) expect([file, option, help.includes(`${option} <`)]).toEqual([file, option, true]);
    }
  });

  it("wait longer than what runs may take", () => {
    const needed = seconds(COMMAND, "--notice") + seconds(COMMAND, "--grace");
    expect(needed).toBe(25);
    expect(Number(/stop_grace_period: (\d+)s/.exec(compose)?.[1])).toBeGreaterThan(needed);
    expect(Number(/terminationGracePeriodSeconds: (\d+)/.exec(kubernetes)?.[1])).toBeGreaterThan(
      seconds(served.kubernetes, "--notice") + seconds(served.kubernetes, "--grace"),
    );
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(seconds(served.unit, "--grace"));
  });

  it("run as nobody in particular, on a read-only file system, with probes and a disruption budget", () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^STOPSIGNAL SIGTERM$/m);
    expect(compose).toMatch(/read_only: true[\s\S]*cap_drop: \[ALL\]/);
    expect(kubernetes).toMatch(/runAsNonRoot: true/);
    expect(kubernetes).toMatch(/readOnlyRootFilesystem: true/);
    expect(kubernetes).toMatch(/readinessProbe:\s+httpGet: \{ path: \/readyz/);
    expect(kubernetes).toMatch(/livenessProbe:\s+httpGet: \{ path: \/healthz/);
    expect(kubernetes).toMatch(/kind: PodDisruptionBudget[\s\S]*minAvailable: 1/);
    expect(unit).toMatch(/^DynamicUser=yes$/m);
    expect(unit).toMatch(/^ProtectSystem=strict$/m);
    for (const text of [compose, kubernetes]) expect(text).not.toMatch(/\t/);
  });

  it("install what the package asks for", () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, "packages/onceguard/package.json"), "utf8"));
    const installed = [...dockerfile.matchAll(/(?<= )(@?[a-z][\w/-]*)@(\d+)(?= |$)/gm)].map(([, name, major]) => [
      name,
      major,
    ]);
    expect(installed.map(([name]) => name).sort()).toEqual(["@hono/node-server", "hono", "pg"]);
    for (const [name, major] of installed)
      expect(peerDependencies[name as string]).toMatch(new RegExp(`^\\D*${major}\\b`));
  });

  it("systemd reads the unit without a complaint", (context) => {
    if (spawnSync("systemd-analyze", ["--version"]).error) {
      console.warn("systemd-analyze is not installed: the unit is not verified by systemd itself");
      return context.skip();
    }
    const folder = mkdtempSync(join(tmpdir(), "onceguard-unit-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, "onceguard.service");
    // Where Node lies on this machine is not what is verified.
    writeFileSync(file, unit.replace("/usr/bin/node", process.execPath));
    const { stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    expect(stderr.split("\n").filter((line) => line.includes("onceguard.service"))).toEqual([]);
  });
});

it("the image's steps, without a container: packed, installed, read-only, as another user, checked, stopped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "onceguard-image-"));
  const store = await createDatabase();
  onTestFinished(async () => {
    spawnSync("chmod", ["-R", "u+w", folder]);
    rmSync(folder, { recursive: true, force: true });
    await dropDatabase(store);
  });
  chmodSync(folder, 0o755);
  const [app, data, etc] = ["app", "data", "etc"].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [join(app, "node_modules"), data, etc]) mkdirSync(path, { recursive: true });

  // COPY and RUN npm install: the files that the package has, and beside them what it and the image ask for, as locked here.
  const packed = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--dry-run"], { cwd: join(ROOT, "packages/onceguard"), encoding: "utf8" }),
  ) as unknown;
  const [{ files }] = (Array.isArray(packed) ? packed : Object.values(packed as object)) as [
    { files: { path: string }[] },
  ];
  for (const { path } of files)
    cpSync(join(ROOT, "packages/onceguard", path), join(app, "node_modules/onceguard", path));
  const own = JSON.parse(readFileSync(join(ROOT, "packages/onceguard/package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  for (const name of [...Object.keys(own.dependencies ?? {}), "hono", "@hono/node-server", "pg"]) {
    const nested = join(ROOT, "packages/onceguard/node_modules", name);
    const target = join(app, "node_modules", name);
    mkdirSync(join(target, ".."), { recursive: true });
    const from = spawnSync("test", ["-d", nested]).status === 0 ? nested : join(ROOT, "node_modules", name);
    symlinkSync(from, target);
  }
  cpSync(join(ROOT, "deploy/onceguard.config.json"), join(etc, "onceguard.config.json"));
  const config = readFileSync(join(etc, "onceguard.config.json"), "utf8").replace("/data/spill", join(data, "spill"));
  writeFileSync(join(etc, "onceguard.config.json"), config);
  if (serverUser) chownSync(data, serverUser.uid, serverUser.gid);
  spawnSync("chmod", ["-R", "a-w,a+rX", app, etc]);

  const port = await freePort();
  const here = (word: string): string =>
    word
      .replace("/app/", `${app}/`)
      .replace("/etc/onceguard/", `${etc}/`)
      .replaceAll("8788", String(port))
      .replace("5s", "200ms");
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: store,
    DESK_TOKEN: "t",
    NODE_ENV: "production",
    ONCEGUARD_KEYS: join(data, "onceguard.keys.json"),
  };
  const [program, ...entry] = ENTRY.map(here) as [string, ...string[]];
  const node = program === "node" ? process.execPath : program;
  const start = (args: readonly string[]) =>
    spawn(node, [...entry, ...args], { cwd: data, env, stdio: "pipe", ...serverUser });

  const command = COMMAND.map(here);
  const refused = start(command);
  expect(await new Promise((resolve) => refused.once("close", resolve))).toBe(2); // it does not start without keys

  const adding = start(["keys", "add", "--name", "agent-7"]);
  let key = "";
  adding.stdout.on("data", (chunk: Buffer) => {
    key += chunk.toString();
  });
  expect(await new Promise((resolve) => adding.once("close", resolve))).toBe(0);

  const child = start(command);
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  onTestFinished(() => void child.kill("SIGKILL"));
  const healthy = (): boolean => spawnSync(process.execPath, HEALTH.slice(1).map(here), { env }).status === 0;
  await until(() => healthy() || child.exitCode !== null, "its health check");
  await until(() => log.includes("serving at") || child.exitCode !== null, "its first line");
  expect([child.exitCode, log]).toEqual([null, expect.stringContaining("serving at")]);
  const claim = { action: "open_valve", payload: { valve: 7 } };
  const headers = { authorization: `Bearer ${key.trim()}` };
  const answer = await send(`http://127.0.0.1:${port}/v1/claims`, "POST", claim, headers);
  expect(answer.body).toMatchObject({ status: "claimed", receipt: { actor: "agent-7" } });
  child.kill(/^STOPSIGNAL (\w+)$/m.exec(dockerfile)?.[1] as NodeJS.Signals);
  await until(() => !healthy(), "its notice");
  expect(await ended).toBe(0);
});
