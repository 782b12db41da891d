import type { LogEntry } from "../../../core/ports.ts";
import type { Receipt, State } from "../../../core/receipt.ts";
import type { Guard } from "../../../pipeline/guard.ts";
import { type Child, type ChildOptions, startChild } from "./child.ts";
import { type LedgerEntry, readLedger } from "./ledger.ts";
import type { AgentJob, AgentMessage, Answer, KillPoint, ProviderJob, ProviderMessage, Side } from "./messages.ts";
import { openAccount } from "./provider-client.ts";
import { AMOUNT_CENTS, type Scenario, type Wave } from "./scenarios.ts";

/** Where all scenarios of one demo play. */
export interface Stage {
  readonly runId: string;
  readonly provider: Child<ProviderJob, ProviderMessage>;
  readonly providerUrl: string;
  readonly ledger: string;
  readonly storeUrl: string;
  /** Only reads receipts: the actions are executed by the agents. */
  readonly guard: Guard;
  readonly children: ChildOptions;
  readonly onlooker?: Onlooker;
}

/** Who looks on, and changes nothing. */
export interface Onlooker {
  started(agent: Agent, account: string): void;
  killed(agent: Agent, account: string): void;
}

/** What stood written when a process was killed. */
export interface Death {
  readonly point: KillPoint;
  readonly payments: number;
  readonly receipt: State | null;
}

/** One side of a scenario: what the agents were told, and what stands in the ledger and in the store. */
export interface SideResult {
  readonly answers: readonly Answer[];
  readonly deaths: readonly Death[];
  readonly payments: readonly LedgerEntry[];
  readonly receipts: readonly Receipt[];
  /** The guard's log of the first receipt, oldest first. */
  readonly history: readonly LogEntry[];
}

export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly invoice: string;
  readonly unguarded: SideResult;
  readonly guarded: SideResult;
}

/** As agent frameworks do, with the first try counted. */
const MAX_TRIES = 4;
/** For one side of one scenario. Most take well under a second. */
const LIMIT_MS = 25_000;

export async function runScenario(stage: Stage, scenario: Scenario): Promise<ScenarioResult> {
  const invoice = `INV-${stage.runId}-${scenario.id}`;
  const unguarded = await runSide(stage, scenario, invoice, "unguarded");
  const guarded = await runSide(stage, scenario, invoice, "guarded");
  return { scenario, invoice, unguarded, guarded };
}

/** One side from its beginning: a new account, and all waves. */
export async function runSide(stage: Stage, scenario: Scenario, invoice: string, side: Side): Promise<SideResult> {
  const account = accountOf(scenario, side);
  await openAccount(stage.providerUrl, account, scenario.terms);
  const { answers, deaths } = await runWaves(stage, scenario, invoice, side);
  const receipts = side === "guarded" ? await receiptsOf(stage, invoice) : [];
  const history = receipts[0] ? await stage.guard.log(receipts[0].requestId) : [];
  return { answers, deaths, payments: paymentsOf(stage, account), receipts, history };
}

/** The two sides share nothing but the provider. */
export function accountOf({ id }: Pick<Scenario, "id">, side: Side): string {
  return `${id}-${side}`;
}

/** The waves of one side, on an account that is open. */
export async function runWaves(
  stage: Stage,
  scenario: Scenario,
  invoice: string,
  side: Side,
  firstWording = 0,
): Promise<Pick<SideResult, "answers" | "deaths">> {
  const limit = AbortSignal.timeout(LIMIT_MS);
  const children = { ...stage.children, signal: AbortSignal.any([stage.children.signal, limit]) };
  const account = accountOf(scenario, side);
  const job: Omit<AgentJob, "calls" | "wording" | "pauseBeforeSend"> = {
    side,
    provider: stage.providerUrl,
    account,
    terms: scenario.terms,
    store: stage.storeUrl,
    runId: stage.runId,
    invoice,
    amountCents: AMOUNT_CENTS,
    maxTries: MAX_TRIES,
    timeoutMs: scenario.timeoutMs,
  };
  const answers: Answer[] = [];
  const deaths: Death[] = [];
  try {
    for (const [n, wave] of scenario.waves.entries()) {
      const { kill } = wave;
      const agents = await startAgents(wave, children);
      for (const agent of agents) stage.onlooker?.started(agent, account);
      const jobs = wave.calls.map((calls): AgentJob => {
        return { ...job, calls, wording: firstWording + n, pauseBeforeSend: kill === "before_send" };
      });
      if (kill === undefined) {
        answers.push(...(await finished(agents, jobs)));
      } else {
        await killAt(kill, agents[0] as Agent, jobs[0] as AgentJob, stage.provider);
        stage.onlooker?.killed(agents[0] as Agent, account);
        // The other side may be playing at the same time, and a receipt can only be the guarded one's.
        const [receipt] = side === "guarded" ? await receiptsOf(stage, invoice) : [];
        deaths.push({ point: kill, payments: paymentsOf(stage, account).length, receipt: receipt?.state ?? null });
      }
    }
  } catch (error) {
    const why = limit.aborted ? `it did not end within ${LIMIT_MS / 1_000} s` : (error as Error).message;
    throw new Error(`"${scenario.title}", ${side}: ${why}`, { cause: error });
  }
  return { answers, deaths };
}

export type Agent = Child<AgentJob, AgentMessage>;

/** All of them are up before the first one is told to begin: that makes their calls concurrent. */
function startAgents(wave: Wave, children: ChildOptions): Promise<readonly Agent[]> {
  return Promise.all(wave.calls.map(() => startChild<AgentJob, AgentMessage>("agent", children)));
}

async function finished(agents: readonly Agent[], jobs: readonly AgentJob[]): Promise<readonly Answer[]> {
  const reports = await Promise.all(
    agents.map((agent, n) => {
      const report = agent.next("done");
      agent.start(jobs[n] as AgentJob);
      return report;
    }),
  );
  return reports.flatMap(({ answers }) => answers);
}

/** `kill -9`, at the moment when the point has been reached: the provider, or the agent itself, says so and holds still. */
async function killAt(point: KillPoint, agent: Agent, job: AgentJob, provider: Stage["provider"]): Promise<void> {
  const reached =
    point === "after_commit"
      ? provider.next("committed", ({ account }) => account === job.account)
      : agent.next("before_send");
  const missed = agent.next("done").then(({ answers }) => {
    throw new Error(`the agent finished without coming to the point "${point}": ${JSON.stringify(answers)}`);
  });
  agent.start(job);
  await Promise.race([reached, missed]);
  await agent.kill();
}

function receiptsOf(stage: Stage, invoice: string): Promise<readonly Receipt[]> {
  return stage.guard.receipts({ recordId: `invoice:${invoice}` });
}

function paymentsOf(stage: Stage, account: string): readonly LedgerEntry[] {
  return readLedger(stage.ledger).filter((entry) => entry.account === account);
}
