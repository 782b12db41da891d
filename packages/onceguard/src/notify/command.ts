import type { Duration } from "../core/duration.ts";
import { OnceguardError } from "../core/errors.ts";
import { messageOf } from "../core/failure.ts";
import type { Notification, Notifier } from "../core/notification.ts";
import { type NotifierClock, processClock, timeoutMs, underDeadline, whyStopped } from "./deadline.ts";
import { foreignText, notificationFailed } from "./notification-failed.ts";
import { notificationOnWire } from "./notification-wire.ts";
import { type CommandEnd, runCommand } from "./run-command.ts";

/** Options of `commandNotifier`. */
export interface CommandNotifierOptions {
  /** How long the command may run; then it is killed with all that it started. Default 10 s. */
  readonly timeout?: Duration;
  /** The command's folder. Default: this process's. */
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the process's. */
  readonly clock?: NotifierClock;
}

/**
 * Tells people by a command of yours. It gets the notification as one line of JSON on stdin, and its id, kind and route
 * in `ONCEGUARD_NOTIFICATION_ID`, `_KIND` and `_ROUTE`. Exit code 0 means delivered; its stdout goes nowhere.
 *
 * @param argv program and arguments, never given to a shell.
 * @throws OnceguardError `invalid_option`; from `deliver`: `notification_failed`, with `fields.exitCode` if it ran,
 *   `fields.code` (`ENOENT`) if it could not.
 */
export function commandNotifier(argv: readonly string[], options: CommandNotifierOptions = {}): Notifier {
  const { program, args } = checkedCommand(argv);
  const env = checkedEnv(options.env ?? {});
  const clock = options.clock ?? processClock;
  const name = `command ${program}`; // arguments may be secrets
  const limits = { name, clock, timeoutMs: timeoutMs(options.timeout) };

  const run = async (notification: Notification, signal: AbortSignal): Promise<CommandEnd> => {
    const all = { ...process.env, ...env, ...environment(notification) };
    const input = `${JSON.stringify(notificationOnWire(notification))}\n`;
    try {
      return await runCommand({ program, args, cwd: options.cwd, env: all }, input, clock, signal);
    } catch (cause) {
      // Not as its cause: that has the arguments in it.
      throw notificationFailed(name, notification, `it was not started: ${notStarted(cause)}.`, {
        code: (cause as NodeJS.ErrnoException).code,
      });
    }
  };

  return {
    name,
    deliver: (notification, outer) =>
      underDeadline(limits, notification, outer, async (signal) => {
        const end = await run(notification, signal);
        if (end.code === 0) return;
        const problem = ending(end, whyStopped(signal));
        const said = foreignText(end.stderr);
        throw notificationFailed(name, notification, said === "" ? `${problem}.` : `${problem}: ${said}`, {
          exitCode: end.code,
        });
      }),
  };
}

function environment({ id, kind, route }: Notification): Record<string, string> {
  return {
    ONCEGUARD_NOTIFICATION_ID: id,
    ONCEGUARD_NOTIFICATION_KIND: kind,
    ONCEGUARD_NOTIFICATION_ROUTE: route,
  };
}

function ending({ code, signal }: CommandEnd, stopped: string | null): string {
  if (code !== null) return `it exited with ${code}`;
  return stopped === null ? `it was killed by ${signal}` : `${stopped} and was killed`;
}

function notStarted(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such program (or its interpreter, or its folder, is missing)";
  return code === "EACCES" ? "it may not be executed" : foreignText(messageOf(error));
}

function checkedCommand(argv: readonly string[]): { program: string; args: readonly string[] } {
  const [program, ...args] = Array.isArray(argv) ? [...argv] : [];
  const usable = [program, ...args].every((part) => typeof part === "string" && !part.includes("\0"));
  if (program && usable) return { program, args };
  throw new OnceguardError(
    "invalid_option",
    'command is not a list of strings that begins with a program, such as ["./notify.sh", "--urgent"].',
    { option: "command" },
  );
}

/** A copy. Refuses here what `spawn` would refuse later, with the value in its message. */
function checkedEnv(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const wrong = Object.entries(env).find(([name, value]) => `${name}${value}`.includes("\0"));
  if (wrong === undefined) return { ...env };
  throw new OnceguardError("invalid_option", `env[${JSON.stringify(wrong[0])}] has a zero byte in it.`, {
    option: "env",
  });
}
