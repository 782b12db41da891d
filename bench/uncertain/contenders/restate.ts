import { type Context, serve, service, TerminalError } from "@restatedev/restate-sdk";
import { connect, HttpCallError, rpc } from "@restatedev/restate-sdk-clients";
import type { Contender, Intent, Running, Said, Stores, World } from "../contender.ts";
import { isRefusal } from "../http-error.ts";
import { done, failed, keyed, LATER, LEASE_SECONDS, PATIENCE_MS, versionOf } from "./engine/engine.ts";

type Servers = NonNullable<Stores["restate"]>;

const restate: Contender = {
  name: "Restate",
  version: `${versionOf("@restatedev/restate-sdk")}, server ${versionOf("@restatedev/restate-server")}`,
  advice: "https://docs.restate.dev/develop/ts/durable-steps",
  needs: ["restate"],

  async start(world: World, stores: Stores): Promise<Running> {
    const servers = stores.restate as Servers;
    const effects = service({
      name: "effects",
      handlers: {
        // The result of a run is journaled. By default it is retried for ever; five attempts are the documentation's own
        // example of a bound, without which nobody is ever told of an effect that keeps failing.
        // https://docs.restate.dev/guides/error-handling#at-the-run-block-level
        perform: (ctx: Context, intent: Intent) =>
          ctx.run("act", () => act(world, intent), {
            maxRetryAttempts: 5,
            initialRetryInterval: 200,
            maxRetryInterval: 1_000,
          }),
      },
      options: {
        // An attempt whose connection breaks is retried at once; one that is silent, after these two (a minute and ten by
        // default). https://docs.restate.dev/services/configuration
        inactivityTimeout: { seconds: LEASE_SECONDS },
        abortTimeout: { seconds: 1 },
        retryPolicy: { initialInterval: 100, maxInterval: 1_000 },
      },
    });
    const port = await serve({ services: [effects], port: 0, logger: () => undefined });
    await deploy(servers, port);
    const client = connect({ url: servers.ingress }).serviceClient(effects);
    return {
      // The same idempotency key is the same invocation: it attaches to it, or gets its result, for a day.
      // https://docs.restate.dev/services/invocation/clients/typescript-sdk#invoke-a-handler-idempotently
      perform: async (intent) => {
        const options = rpc.opts<Intent, { readonly id: string }>({ idempotencyKey: intent.id, timeout: PATIENCE_MS });
        return await client.perform(intent, options).then(done, said);
      },
      close: async () => undefined, // its server has nobody to tell; the process ends
    };
  },
};

async function act(world: World, intent: Intent): Promise<{ readonly id: string }> {
  try {
    return await world.act(intent, keyed(world, intent.id));
  } catch (error) {
    // https://docs.restate.dev/develop/ts/error-handling
    throw isRefusal(error) ? new TerminalError(error.message) : error;
  }
}

function said(error: unknown): Said {
  // The invocation has ended with a terminal error; every other answer is about the call.
  if (error instanceof HttpCallError && error.responseText.includes('"source":"invocation"')) return failed(error);
  if (error instanceof Error && error.name === "TimeoutError") return LATER;
  throw error;
}

/** In production a service has an address that outlives its processes; here the deployment is told of each new one. */
async function deploy({ admin }: Servers, port: number): Promise<void> {
  const ask = async (method: string, path: string, body?: object): Promise<unknown> => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${admin}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    if (!response.ok) throw new Error(`Restate answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  const uri = `http://127.0.0.1:${port}/`;
  const { deployments } = (await ask("GET", "/deployments")) as { deployments: { id: string }[] };
  const [known] = deployments;
  // https://docs.restate.dev/services/versioning
  await (known ? ask("PATCH", `/deployments/${known.id}`, { uri }) : ask("POST", "/deployments", { uri }));
}

export default restate;
