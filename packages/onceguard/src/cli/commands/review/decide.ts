import type { Command } from "commander";
import { OnceguardError } from "../../../core/errors.ts";
import type { Receipt } from "../../../core/receipt.ts";
import { actorOf } from "../../actor.ts";
import { needsApproval } from "../../hold-words.ts";
import { note, paint, paintState, print, printError, visible, wrapped } from "../../output.ts";
import { Prompt } from "../../prompt.ts";
import { type CommonOptions, command, conclude, type Session, withGuard } from "../../session.ts";
import { type Card, printCard } from "./card.ts";
import { type Choice, choicesFor } from "./choices.ts";
import { type ListOptions, list, printOthers, withListOptions } from "./list.ts";
import { readBefore } from "./read-before.ts";
import { whatWaits } from "./waiting.ts";

interface DecideOptions extends ListOptions {
  readonly actor?: string;
}

/** Shorter than this is a slip of a key, and no reason. */
const SHORTEST_REASON = 3;
/** Of what was pasted in the wrong place. */
const LONGEST_ECHO = 40;

export function decideCommand(): Command {
  return withListOptions(
    command(
      "decide",
      "Go through what waits for a person, one request after the other, with what is known of each. Without a terminal: list it.",
      {
        summary: "go through what waits, one by one (the default on a terminal)",
        examples: ["onceguard review", "onceguard review --action refund_payment --actor ann"],
        exits: [
          ["0", "gone through, or left with q"],
          ["1", "the store is not there or cannot be used"],
          ["2", "bad usage"],
        ],
      },
    ),
  )
    .option("--actor <name>", "who decides (default: your user name)")
    .action((options: DecideOptions) =>
      conclude(options, () => (isDialogue(options) ? decide(options) : list(options))),
    );
}

function isDialogue({ json }: CommonOptions): boolean {
  return !json && process.stdin.isTTY && process.stdout.isTTY;
}

async function decide(options: DecideOptions): Promise<void> {
  await withGuard(options, { config: "approvals" }, async (session) => {
    const waiting = await whatWaits(session.guard, options);
    const queue = [...waiting.reviews, ...waiting.approvals];
    if (queue.length === 0) {
      print("Nothing waits for a person.");
      return printOthers(waiting, options);
    }
    let decided = 0;
    let gone = 0;
    const prompt = new Prompt();
    try {
      for (const [n, one] of queue.entries()) {
        const went = await decideOne(session, prompt, one, `[${n + 1}/${queue.length}]`, options);
        if (went === "quit") break;
        if (went === "decided") decided += 1;
        if (went === "gone") gone += 1;
      }
    } finally {
      prompt.close();
    }
    print();
    const left = queue.length - decided - gone;
    print(`${decided} decided${left > 0 ? `, ${left} left as ${left === 1 ? "it was" : "they were"}` : ""}.`);
    printOthers(waiting, options);
  });
}

type Went = "decided" | "skipped" | "gone" | "quit";

/** Until it is decided, passed over, or no longer there to decide. */
async function decideOne(
  session: Session,
  prompt: Prompt,
  { requestId, tenant }: Receipt,
  title: string,
  options: DecideOptions,
): Promise<Went> {
  for (;;) {
    const card = await lookAt(session, requestId, tenant);
    if (card === null) {
      note(`${title} ${requestId} waits no more: somebody else was faster`);
      return "gone";
    }
    printCard(card, title);
    const went = await talkAbout(session, prompt, card, options);
    if (went !== "moved") return went;
  }
}

/** Until something is said that counts; `moved` when the card no longer shows how it stands. */
async function talkAbout(
  session: Session,
  prompt: Prompt,
  card: Card,
  options: DecideOptions,
): Promise<Exclude<Went, "gone"> | "moved"> {
  const choices = choicesFor(card.receipt);
  const before = await readBefore(session, card.receipt);
  print();
  for (;;) {
    const choice = await choose(prompt, choices, before);
    if (typeof choice === "string") return choice;
    const carried = await carryOut(session, prompt, card.receipt, choice, options);
    if (carried !== "back") return carried;
  }
}

/** As it is now, or null when it no longer waits for a person. */
async function lookAt({ guard, store }: Session, requestId: string, tenant: string): Promise<Card | null> {
  const receipt = await guard.receipt(requestId, { tenant });
  if (!receipt || !(receipt.state === "review" || needsApproval(receipt))) return null;
  return { receipt, log: await guard.log(requestId, { tenant }), halt: await store.haltFor(receipt) };
}

async function choose(
  prompt: Prompt,
  choices: readonly Choice[],
  before: (() => Promise<string>) | null,
): Promise<Choice | "skipped" | "quit"> {
  for (;;) {
    for (const line of wrapped(menu(choices, before !== null), "")) print(paint("cyan", line));
    const said = (await prompt.ask("> "))?.toLowerCase() ?? "q";
    if (said === "q" || said === "quit") return "quit";
    if (said === "s" || said === "skip") return "skipped";
    if (said === "b" && before !== null) {
      for (const line of wrapped(visible(await before()), "  ")) print(line);
      continue;
    }
    const choice = choices.find(({ key, label }) => said === key || said === label);
    if (choice) return choice;
    print(
      said === ""
        ? "Nothing was decided. Say one of these:"
        : `"${visible(said.slice(0, LONGEST_ECHO))}" is none of these:`,
    );
  }
}

function menu(choices: readonly Choice[], canReadBefore: boolean): string {
  const keys = choices.map(({ key, label }) => `${key} ${label}`);
  return [...keys, ...(canReadBefore ? ["b read the record"] : []), "s skip", "q quit"].join(" · ");
}

/** Says what follows, asks why, and does it, if the request is still as it was shown. */
async function carryOut(
  { guard }: Session,
  prompt: Prompt,
  receipt: Receipt,
  choice: Choice,
  options: DecideOptions,
): Promise<"decided" | "back" | "moved" | "quit"> {
  for (const line of wrapped(choice.follows(receipt), "")) print(line);
  const reason = await askReason(prompt, choice.question(receipt));
  if (reason === null) return "quit";
  if (reason === "") return "back";
  const result = choice.takesResult ? await askResult(prompt) : {};
  if (result === null) return "quit";
  const { tenant, version } = receipt;
  try {
    const by = { actor: actorOf(options), reason, tenant, expectedVersion: version, ...result };
    const after = await choice.decide(guard, receipt, by);
    print(
      `${paint("green", "✔")} ${visible(after.requestId)} is now ${after.state === "held" ? "approved" : paintState(after.state)}`,
    );
    return "decided";
  } catch (error) {
    if (!isAnswer(error)) throw error;
    printError(error);
    return error.code === "approver_is_proposer" || error.code === "missing_reason" ? "back" : "moved";
  }
}

/** The store's no to this decision; anything else is trouble, and ends the command. */
function isAnswer(error: unknown): error is OnceguardError {
  const answers = ["version_conflict", "not_resolvable", "approver_is_proposer", "receipt_not_found", "missing_reason"];
  return error instanceof OnceguardError && answers.includes(error.code);
}

/** Null: gone. Empty: thought better of it. */
async function askReason(prompt: Prompt, question: string): Promise<string | null> {
  for (;;) {
    const reason = await prompt.ask(`${question} (empty: back) `);
    if (reason === null || reason === "" || reason.length >= SHORTEST_REASON) return reason;
    print("In words, please: it is kept, and somebody will ask.");
  }
}

/** Null: gone. */
async function askResult(prompt: Prompt): Promise<{ result?: unknown } | null> {
  for (;;) {
    const text = await prompt.ask("What do replays answer, as JSON? (empty: nothing) ");
    if (text === null) return null;
    if (text === "") return {};
    try {
      return { result: JSON.parse(text) };
    } catch (error) {
      print(`That is not JSON: ${(error as Error).message}. A text stands in quotes: "pay_81"`);
    }
  }
}
