import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { NEVER, NOTIFICATION, ON_WIRE } from "../../test/support/notification.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { type CommandNotifierOptions, commandNotifier } from "./command.ts";
import type { NotifierClock } from "./deadline.ts";

/** Time stands still, so that whatever ends, ended by itself. */
const stillClock = (): NotifierClock => fakeClock();

const NODE = [process.execPath, "--input-type=commonjs", "-e"];
const withArgv = (script: string): string => `const argv = process.argv.slice(1);${script}`;

/** Runs Node as the command; the script finds further arguments in `argv`. */
function deliver(script: string, options: CommandNotifierOptions = {}, signal = NEVER, ...args: string[]) {
  const notifier = commandNotifier([...NODE, withArgv(script), ...args], { clock: stillClock(), ...options });
  return notifier.deliver(NOTIFICATION, signal);
}

/** Where commands report to by TCP. A connection that closes shows that its process is gone, whoever reaps it. */
async function reporter(): Promise<{ port: string; next: () => Promise<Socket> }> {
  const server = createServer().listen(0, "127.0.0.1");
  const sockets: Socket[] = [];
  server.on("connection", (socket) => sockets.push(socket.on("error", () => {})));
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy(); // and with it the process, should it still be there
  });
  const next = async (): Promise<Socket> => (await once(server, "connection"))[0];
  return { port: String((server.address() as AddressInfo).port), next };
}

/** A script that reports to argv[0], hangs, ignores SIGTERM, and ends with its connection. */
const HANG = `process.on("SIGTERM", () => {});
  require("net").connect(+argv[0], "127.0.0.1").on("error", () => {}).on("close", () => process.exit(0));`;

/** A script that starts a process which hangs so, with these stdio, and then goes on with `then`. */
const start = (stdio: string, then: string): string =>
  `require("child_process").spawn(process.execPath, ["-e", ${JSON.stringify(withArgv(HANG))}, argv[0]],
    { stdio: ${stdio} }); ${then}`;

async function allText(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

describe("what the command gets", () => {
  it("is the notification on stdin, and its id, kind and route in the environment", async () => {
    const { port, next } = await reporter();
    const script = `let stdin = ""; process.stdin.on("data", (text) => { stdin += text; }).on("end", () => {
      const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => /^(ONCEGUARD_|WHO|PATH)/.test(name)));
      const report = { stdin: JSON.parse(stdin), lines: stdin.split("\\n").length, env, cwd: process.cwd(), argv };
      require("net").connect(+argv[0], "127.0.0.1").end(JSON.stringify(report)); });`;
    const cwd = realpathSync(mkdtempSync(join(tmpdir(), "onceguard-notify-")));
    onTestFinished(() => rmSync(cwd, { recursive: true }));
    const env = { WHO: "ops", ONCEGUARD_NOTIFICATION_ID: "forged" };
    const delivery = deliver(script, { cwd, env }, NEVER, port, "$(id); a b");
    const report = JSON.parse(await allText(await next()));
    await delivery;
    expect(report).toEqual({
      stdin: ON_WIRE,
      lines: 2,
      env: expect.objectContaining({
        ONCEGUARD_NOTIFICATION_ID: "ntf_2mK4",
        ONCEGUARD_NOTIFICATION_KIND: "review",
        ONCEGUARD_NOTIFICATION_ROUTE: "domain_expert",
        WHO: "ops",
        PATH: process.env.PATH,
      }),
      cwd,
      argv: [port, "$(id); a b"], // no shell has seen it
    });
  });

  it("may be left unread, and its output goes nowhere", async () => {
    const script = `process.stdin.destroy(); process.stdout.write("x".repeat(1 << 20), () => process.exit(0))`;
    const notifier = commandNotifier([process.execPath, "-e", script], { clock: stillClock() });
    await notifier.deliver({ ...NOTIFICATION, reason: "more than a pipe holds ".repeat(1 << 14) }, NEVER);
  });
});

describe("what counts as delivered", () => {
  it("exit code 0 does, whatever it says on stderr", async () => {
    await deliver(`process.stderr.write("y".repeat(1 << 20), () => process.exit(0))`);
  });

  it("exit code 0 does, even if it left a process behind that holds its stderr", async () => {
    const { port, next } = await reporter();
    const command = [...NODE, withArgv(start(`["ignore", "ignore", "inherit"]`, "process.exit(0)")), port];
    const module = JSON.stringify(new URL("./command.ts", import.meta.url));
    const script = `import { commandNotifier } from ${module}; const { signal } = new AbortController();
      await commandNotifier(${JSON.stringify(command)}).deliver(${JSON.stringify(NOTIFICATION)}, signal);`;
    const left = next();
    const host = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
    expect(await once(host, "exit")).toEqual([0, null]); // a pipe that it still read would keep it alive
    expect((await left).closed).toBe(false); // whether that one goes on is the command's to decide
  });

  it("another code does not, and the message has the end of its stderr, harmless", async () => {
    const said = `${".".repeat(9_000)}\\u001b[31mpager\\u0007 is\\r\\n\\u202edown\\n`;
    await expect(deliver(`process.stderr.write("${said}", () => process.exit(3))`)).rejects.toMatchObject({
      code: "notification_failed",
      message: expect.stringMatching(
        /^command \S+ did not take notification ntf_2mK4: it exited with 3: ….{400,600}pager is down$/,
      ),
      fields: { notifier: `command ${process.execPath}`, id: "ntf_2mK4", exitCode: 3 },
    });
  });

  it("another code does not, and nobody waits for a process that holds its stderr", async () => {
    const { port, next } = await reporter();
    const left = next();
    const clock = fakeClock();
    const script = start(`["ignore", "ignore", "inherit"]`, `process.stderr.write("no", () => process.exit(1))`);
    const delivery = expect(deliver(script, { clock }, NEVER, port)).rejects.toThrow("it exited with 1: no");
    await left;
    while (clock.nextInMs() !== 500) await new Promise((resolve) => setImmediate(resolve)); // until it has exited
    await clock.advance(500);
    await delivery;
  });

  it("a signal does not", async () => {
    await expect(deliver(`process.kill(process.pid, "SIGKILL")`)).rejects.toMatchObject({
      message: expect.stringContaining("it was killed by SIGKILL."),
      fields: { exitCode: null },
    });
  });

  it("a program that is not there does not; its arguments are not shown", async () => {
    const error = await commandNotifier(["./no-such-program", "t0ken"])
      .deliver(NOTIFICATION, NEVER)
      .catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "notification_failed",
      message: expect.stringContaining("it was not started: there is no such program"),
      fields: { notifier: "command ./no-such-program", code: "ENOENT" },
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("t0ken");
  });

  it("a file that may not be executed does not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "onceguard-notify-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "notify.sh"), "#!/bin/sh\n");
    chmodSync(join(folder, "notify.sh"), 0o644);
    const notifier = commandNotifier(["./notify.sh"], { cwd: folder });
    await expect(notifier.deliver(NOTIFICATION, NEVER)).rejects.toThrow("it was not started: it may not be executed.");
  });
});

describe("a command that does not end", () => {
  it.skipIf(process.platform === "win32")("is killed when time is up, with what it started", async () => {
    const { port, next } = await reporter();
    const clock = fakeClock();
    const script = start(`"ignore"`, `process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6)`);
    const delivery = expect(deliver(script, { clock, timeout: "2s" }, NEVER, port)).rejects.toMatchObject({
      code: "notification_failed",
      message: expect.stringContaining("it took longer than 2000 ms and was killed."),
      fields: { exitCode: null },
    });
    const grandchild = await next();
    await clock.advance(2_000);
    await delivery;
    if (!grandchild.closed) await once(grandchild.resume(), "close");
    expect(clock.nextInMs()).toBeNull();
  });

  it("is killed when the caller calls it off, and what it said by then is told", async () => {
    const { port, next } = await reporter();
    const controller = new AbortController();
    const script = `process.stderr.write("dialling", () => {${HANG}})`;
    const delivery = expect(deliver(script, {}, controller.signal, port)).rejects.toThrow(
      "it was called off and was killed: dialling",
    );
    const child = await next();
    controller.abort();
    await delivery;
    if (!child.closed) await once(child.resume(), "close");
  });

  it("is not started once it is called off", async () => {
    const notifier = commandNotifier(["./no-such-program"]);
    await expect(notifier.deliver(NOTIFICATION, AbortSignal.abort())).rejects.toThrow("called off before it began.");
  });
});

it.each([[[]], [[""]], [["a", "b\0"]], [["a", 7]], ["./notify.sh --urgent"], [undefined]])(
  "%j is no command",
  (argv) => {
    expect(() => commandNotifier(argv as string[])).toThrow(
      expect.objectContaining({ code: "invalid_option", fields: { option: "command" } }),
    );
  },
);

it("an environment that cannot be is refused, without its values", () => {
  const make = () => commandNotifier(["./notify.sh"], { env: { TOKEN: "t0ken\0" } });
  expect(make).toThrow(
    expect.objectContaining({ code: "invalid_option", message: expect.not.stringContaining("t0ken") }),
  );
});
