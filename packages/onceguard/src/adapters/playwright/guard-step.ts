import { type CallContext, defineAction, type EffectContext, type Schema } from "../../core/action.ts";
import { durationMs } from "../../core/duration.ts";
import { classifyFailure, effectError, messageOf } from "../../core/failure.ts";
import type { Outcome } from "../../core/outcome.ts";
import type { Guard } from "../../pipeline/guard.ts";
import { asEffect } from "../effect-context.ts";
import { evidenceOf, shown } from "./evidence.ts";
import { gateOf } from "./gate.ts";
import type { PageLike } from "./page-like.ts";
import type { Pass } from "./pass.ts";
import { sender } from "./send.ts";
import type { Step } from "./step.ts";
import { answerTo, notSent, withoutCallLog } from "./watch.ts";

/**
 * Does one step in a page once, whoever asks for it again. The claim comes before the click; the request that the click causes is
 * watched (never sent, sent, answered); and when page or browser die in between it is in doubt, which `probe` settles.
 *
 * Only callers carry a step on, because it needs a page: ask again with the same payload, in whatever page and process.
 *
 * @throws OnceguardError `invalid_action` | `invalid_option` | `duplicate_action` | `missing_identity` | `missing_key_field` |
 *   `payload_invalid` and the other `payload_*`
 */
export async function guardStep<Page extends PageLike, Payload, Result, Seen extends object = object>(
  // biome-ignore lint/suspicious/noExplicitAny: a guard of whatever actions; a step is not among them
  guard: Guard<any>,
  page: Page,
  step: Step<Page, Payload, Result, Seen>,
  context: CallContext = {},
): Promise<Outcome<Result>> {
  const { payload, act, request, result, probe, read, expect, evidence, sentBy, sendWithin = "10s", ...rule } = step;
  const send = sender(sentBy ?? "playwright");
  const sendWithinMs = durationMs(sendWithin, "sendWithin");
  let pass: Pass | undefined;

  const look = async (given: Payload): Promise<Seen> => {
    const seen = await read?.(page, given);
    return { ...seen, ...(evidence && { evidence: await evidenceOf(page, evidence) }) } as Seen;
  };

  const arrived = async (): Promise<void> => {
    if (!pass?.isTaken) return;
    await pass.delivered;
    await shown(page);
  };

  async function execute(given: Payload, effect: EffectContext): Promise<Result> {
    pass = await gateOf(page.context(), rule.name)
      .open(page, request, send, effect.signal)
      .catch((error: unknown) => {
        throw notSent(`Nothing was done in the page: ${messageOf(withoutCallLog(error))}`);
      });
    try {
      const acting = asEffect(effect, async () => act(page, given));
      const answer = await answerTo(pass, acting, sendWithinMs);
      return await asEffect(effect, () => result(answer, page));
    } catch (error) {
      throw await withPicture(error);
    } finally {
      pass.end();
    }
  }

  /** What nobody is sure of is looked at by a person: with what the page showed. */
  async function withPicture(error: unknown): Promise<unknown> {
    const failure = classifyFailure(withoutCallLog(error), rule.noEffectOn, rule.classify);
    if (failure.certainty === "definite" || !evidence) return error;
    const taken = await evidenceOf(page, evidence).catch(() => null);
    if (taken === null) return error;
    return effectError({ ...failure, message: `${failure.message} The page then: ${taken.screenshot.file}` });
  }

  const definition = defineAction<string, Result, Payload, Payload>({
    ...rule,
    input: rule.input ?? (asItIs as Schema<Payload, Payload>),
    ...((read || evidence) && {
      before: (given: Payload) => look(given).catch(rethrow),
      after: async (given: Payload) => {
        await arrived();
        return look(given);
      },
    }),
    ...(expect && { expect: (given: Payload, seen: unknown) => expect(given, seen as Seen) }),
    ...(probe && {
      probe: (given: Payload, effect: EffectContext) => inPageOfItsOwn(page, (own) => probe(own, given, effect)),
    }),
    execute,
  });
  const outcome = await guard.wrap(definition, { register: false })(payload, context);
  // What the caller does next in the page, it does in the one after.
  if (outcome.status === "executed") await arrived();
  return outcome;
}

/** The caller's own code makes the payload; `irreversible` asks for a schema, which is welcome and not demanded of it. */
const asItIs: Schema<unknown, never> = {
  "~standard": { version: 1, vendor: "onceguard", validate: (value) => ({ value: value as never }) },
};

function rethrow(error: unknown): never {
  throw withoutCallLog(error);
}

/** Not where the step is under way: what is filled in there, or waits there for an answer, stays as it is. */
async function inPageOfItsOwn<Page extends PageLike, T>(page: Page, use: (own: Page) => Promise<T>): Promise<T> {
  // The context of a page that `browser.newPage()` made takes no other.
  const own = (await page
    .context()
    .newPage()
    .catch(() => page)) as Page;
  try {
    return await use(own);
  } finally {
    if (own !== page) await own.close().catch(() => undefined);
  }
}
