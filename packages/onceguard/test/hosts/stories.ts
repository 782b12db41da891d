import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { HostSession, PersonAnswer, RealHost } from "./drivers/host.ts";
import { type ScriptedModel, startModel } from "./model/scripted-model.ts";
import {
  directly,
  newWorld,
  throughGateway,
  throughServer,
  throughTrustingGateway,
  type Way,
  type WhenFinished,
  type World,
} from "./world.ts";

const DONE = { say: "done" };

interface Stage {
  readonly world: World;
  readonly model: ScriptedModel;
  /** Opens the host; the same home every time. */
  open(options?: { person?: (message: string) => PersonAnswer; resume?: string }): Promise<HostSession>;
}

async function stage(
  host: RealHost,
  way: Way,
  options: { approval?: boolean } = {},
  whenFinished: WhenFinished = onTestFinished,
): Promise<Stage> {
  const world = newWorld(whenFinished);
  const model = await startModel();
  whenFinished(async () => {
    await model.close();
    expect(model.left()).toBe(0); // the host has come for every step
  });
  const servers = { desk: way.server(world, options) };
  return {
    world,
    model,
    open: async (more = {}) => {
      const session = await host.open({ model, home: join(world.folder, "home"), servers, ...more });
      whenFinished(() => session.close());
      return session;
    },
  };
}

/** A real host, its real program, driven by a model that follows a script. The order desk's ledger is the judge. */
export function storiesOf(host: RealHost): void {
  const { name, found } = host;
  console.log("version" in found ? `${name}: ${found.version}` : `${name}: SKIPPED, ${found.missing}`);
  describe.skipIf("missing" in found).each([directly, throughServer, throughGateway, throughTrustingGateway])(
    `${name}, $name`,
    (way) => {
      // Without a guard every story has the second effect: that is what makes it a story.
      const effects = way.guarded ? 1 : 2;

      it(`a call that the model makes again: ${effects} of 2`, async () => {
        const { world, model, open } = await stage(host, way);
        const session = await open();
        model.follow({ calls: [way.order({ ref: "A1" })] }, { calls: [way.order({ ref: "A1" })] }, DONE);
        await session.say("order A1");
        expect(world.ledger()).toHaveLength(effects);
        expect(model.results).toHaveLength(2);
        if (way.guarded) expect(model.results[1]?.text).toContain("order 1 placed for A1");
      });

      it(`the same call twice in one answer of the model: ${effects} of 2`, async () => {
        const { world, model, open } = await stage(host, way);
        const session = await open();
        model.follow({ calls: [way.order({ ref: "A1" }), way.order({ ref: "A1" })] }, DONE);
        await session.say("order A1");
        expect(world.ledger()).toHaveLength(effects);
        if (way.guarded) for (const { text } of model.results) expect(text).toContain("order 1 placed for A1");
        expect(model.results).toHaveLength(2);
      });

      it(`a turn that is interrupted mid-effect, and the call again: ${effects} of 2`, async () => {
        const { world, model, open } = await stage(host, way);
        const session = await open();
        model.follow({ calls: [way.order({ ref: "A1", mode: "hold" })] });
        const turn = session.say("order A1");
        await world.until(() => world.ledger().length === 1, "the order");
        await session.interrupt();
        await turn;
        world.release();
        model.follow({ calls: [way.order({ ref: "A1", mode: "hold" })] }, DONE);
        await session.say("did it work? if not, again");
        expect(world.ledger()).toHaveLength(effects);
        if (way.guarded) expect(model.results.at(-1)?.text).toContain("order 1 placed for A1");
      });

      it(`a host that is killed mid-effect, resumed, and the call again: ${effects} of 2`, async () => {
        const { world, model, open } = await stage(host, way);
        const first = await open();
        model.follow({ calls: [way.order({ ref: "A1", mode: "hold" })] });
        const turn = first.say("order A1").catch((error: Error) => error);
        await world.until(() => world.ledger().length === 1, "the order");
        await world.until(() => first.remembers("order A1"), "the transcript");
        await first.kill();
        expect(await turn).toBeInstanceOf(Error);
        world.release();
        const second = await open({ resume: first.id });
        model.follow({ calls: [way.order({ ref: "A1", mode: "hold" })] }, DONE);
        await second.say("go on");
        expect(JSON.stringify(model.requests.at(-1))).toContain("order A1"); // it is the same conversation
        expect(world.ledger()).toHaveLength(effects);
        if (way.guarded) expect(model.results.at(-1)?.text).toContain("order 1 placed for A1");
      });

      it(`an answer that is lost, and the call again: ${effects} of 2`, async () => {
        const { world, model, open } = await stage(host, way);
        const session = await open();
        model.follow({ calls: [way.order({ ref: "A1", mode: "lose" })] }, DONE);
        await session.say("order A1");
        await session.close();
        const again = await open({ resume: session.id });
        model.follow({ calls: [way.order({ ref: "A1", mode: "lose" })] }, DONE);
        await again.say("it did not work, order A1 again");
        expect(world.ledger()).toHaveLength(effects);
      });

      if (!way.guarded) return; // nobody asks

      it("the person at the host is asked, once, and a yes is one effect", async () => {
        const { world, model, open } = await stage(host, way, { approval: true });
        const asked: string[] = [];
        const session = await open({
          person: (message) => {
            asked.push(message);
            return { action: "accept", content: { approve: true } };
          },
        });
        model.follow({ calls: [way.order({ ref: "A1" })] }, { calls: [way.order({ ref: "A1" })] }, DONE);
        await session.say("order A1");
        expect(asked).toHaveLength(1);
        expect(asked[0]).toContain('"ref": "A1"');
        expect(asked[0]).toContain("orders need a person");
        expect(world.ledger()).toHaveLength(1);
        for (const { text } of model.results) expect(text).toContain("order 1 placed for A1");
      });

      it.each([
        // Hosts without a person say "decline" by themselves: only the form has a no in it.
        {
          what: "a no of the person",
          reply: { action: "accept", content: { approve: false } },
          told: /denied|will not be/,
        },
        { what: "a question that is declined", reply: { action: "decline" }, told: /held|has to approve/ },
        { what: "a question that is closed", reply: { action: "cancel" }, told: /held|has to approve/ },
      ] as const)("$what at the host is no effect, then and later", async ({ reply, told }) => {
        const { world, model, open } = await stage(host, way, { approval: true });
        const session = await open({ person: () => reply });
        model.follow({ calls: [way.order({ ref: "A1" })] }, { calls: [way.order({ ref: "A1" })] }, DONE);
        await session.say("order A1");
        expect(world.ledger()).toHaveLength(0);
        expect(model.results[1]?.text).toMatch(told);
      });
    },
  );

  // Side by side: each waits for a lease to run out, which takes 30 s.
  describe.skipIf("missing" in found).concurrent(`${name}, host and guard killed mid-effect, resumed`, () => {
    it.for([throughServer, throughGateway, throughTrustingGateway])(
      "and the call again through $name: 1 of 2",
      async (way, { onTestFinished }) => {
        const { world, model, open } = await stage(host, way, {}, onTestFinished);
        const first = await open();
        model.follow({ calls: [way.order({ ref: "A1", mode: "hold" })] });
        const turn = first.say("order A1").catch((error: Error) => error);
        await world.until(() => world.ledger().length === 1, "the order");
        await world.until(() => first.remembers("order A1"), "the transcript");
        const guard = world.ledger()[0]?.parent as number;
        await Promise.all([first.kill(), process.kill(guard, "SIGKILL")]);
        expect(await turn).toBeInstanceOf(Error);
        world.release();
        const second = await open({ resume: first.id });
        model.follow({ calls: [way.order({ ref: "A1", mode: "hold" })] }, DONE);
        await second.say("go on");
        expect(world.ledger()).toHaveLength(1);
        // Until its lease is over nobody can know that the first guard is dead; then it is a question for a person.
        expect(model.results.at(-1)?.text).toMatch(/in_progress|in_doubt|under way|nobody knows/);
      },
    );
  });
}
