import { Annotation, END, START, StateGraph } from "@langchain/langgraph";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import type { Contender, Intent, Running, World } from "../contender.ts";
import { done, failed, keyed, poolOf, versionOf } from "./engine/engine.ts";

const State = Annotation.Root({ intent: Annotation<Intent>(), result: Annotation<{ readonly id: string }>() });

const langgraph: Contender = {
  name: "LangGraph",
  version: versionOf("@langchain/langgraph"),
  advice: "https://docs.langchain.com/oss/javascript/langgraph/durable-execution",
  needs: ["postgres"],

  prepare: async ({ postgres }) => {
    const saver = PostgresSaver.fromConnString(postgres);
    await saver.setup();
    await saver.end();
  },

  async start(world: World, { postgres }): Promise<Running> {
    const pool = poolOf(postgres);
    const graph = new StateGraph(State)
      .addNode("act", async ({ intent }) => ({ result: await act(world, intent) }), {
        // The default policy: three attempts, and none after most answers of 4xx; the first pause is shortened.
        // https://docs.langchain.com/oss/javascript/langgraph/use-graph-api#add-retry-policies
        retryPolicy: { initialInterval: 200, jitter: false, logWarning: false },
      })
      .addEdge(START, "act")
      .addEdge("act", END)
      .compile({ checkpointer: new PostgresSaver(pool) });
    return {
      // LangGraph has no workers: whoever comes again with the same thread carries it on, from its last checkpoint.
      perform: async (intent) => {
        const thread = { configurable: { thread_id: intent.id }, durability: "sync" as const };
        const { values, next } = await graph.getState(thread);
        const known = (values as Partial<typeof State.State>).result;
        if (known) return done(known);
        try {
          // "executing the workflow with the same thread identifier by providing it with a null as the input value"
          const state = await graph.invoke(next.length > 0 ? null : { intent }, thread);
          return done(state.result);
        } catch (error) {
          const { tasks } = await graph.getState(thread);
          if (tasks.some((task) => task.error !== undefined)) return failed(error);
          throw error; // not the node's: the checkpoint could not be written
        }
      },
      close: () => pool.end(),
    };
  },
};

/** "Use idempotency keys or verify existing results to avoid unintended duplication": the only docs of all that say the second, too. */
async function act(world: World, intent: Intent): Promise<{ readonly id: string }> {
  if (world.offers.key) return await world.act(intent, keyed(world, intent.id));
  const found = world.offers.lookup ? await world.lookup(intent) : null;
  return found ?? (await world.act(intent));
}

export default langgraph;
