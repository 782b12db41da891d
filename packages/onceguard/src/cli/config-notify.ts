import type { NotifierEntry, NotifyConfig, OnceguardConfig } from "../config.ts";
import { OnceguardError } from "../core/errors.ts";
import type { Route } from "../core/failure.ts";
import type { Notifier } from "../core/notification.ts";
import { commandNotifier } from "../notify/command.ts";
import { webhookNotifier } from "../notify/webhook.ts";
import { fromEnvironment, invalidConfig } from "./config-source.ts";

type ByRoute = Readonly<Partial<Record<Route, readonly Notifier[]>>>;

/** What may stand in an entry; whatever else does would be left out without a word. */
const KNOWN: Readonly<Record<"webhook" | "command", readonly string[]>> = {
  webhook: ["webhook", "secret", "headers", "timeout", "allowHttp"],
  command: ["command", "timeout"],
};

/**
 * The notifiers of a config: those made by `onceguard/notify` as they are, those described by an entry made from it.
 * Routes are checked where the guard is made.
 *
 * @throws OnceguardError `invalid_config`, which repeats neither an address nor a secret.
 */
export function configuredNotifiers(
  { notify = {} }: OnceguardConfig,
  folder: string,
  path: string,
): ByRoute | undefined {
  if (!isObject(notify)) throw invalidConfig(path, "`notify` must be an object, with a route as each key");
  const routes = Object.entries(notify) as [Route, NotifyConfig[Route]][];
  if (routes.length === 0) return undefined;
  return Object.fromEntries(
    routes.map(([route, given]) => {
      const list = (Array.isArray(given) ? given : [given]) as readonly (Notifier | NotifierEntry)[];
      return [route, list.map((one) => notifierOf(one, `notify.${route}`, folder, path))];
    }),
  );
}

function notifierOf(given: Notifier | NotifierEntry, where: string, folder: string, path: string): Notifier {
  if (isObject(given) && typeof (given as Notifier).deliver === "function") return given as Notifier;
  const kind = isObject(given) ? (["webhook", "command"] as const).find((one) => one in given) : undefined;
  if (kind === undefined) {
    throw invalidConfig(path, `\`${where}\` must have a "webhook" and its "secret", or a "command"`);
  }
  const unknown = Object.keys(given).find((key) => !KNOWN[kind].includes(key));
  if (unknown !== undefined) {
    throw invalidConfig(path, `"${unknown}" is no option of \`${where}\`; there are ${KNOWN[kind].join(", ")}`);
  }
  const entry = fromEnvironment(given as NotifierEntry, path);
  try {
    if ("webhook" in entry) {
      const { webhook: url, ...options } = entry;
      return webhookNotifier({ url, ...options });
    }
    const { command, ...options } = entry;
    return commandNotifier(command, { cwd: folder, ...options });
  } catch (cause) {
    throw cause instanceof OnceguardError ? invalidConfig(path, `in \`${where}\`: ${cause.message}`, cause) : cause;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
