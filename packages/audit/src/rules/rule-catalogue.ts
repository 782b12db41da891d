/** What the audit can find. Every rule has a page in docs/audit. */
export interface Rule {
  id: string;
  title: string;
  /** One sentence for people who see the rule for the first time. */
  why: string;
}

const rule = (id: string, title: string, why: string): Rule => ({ id, title, why });

export const RULES: readonly Rule[] = [
  rule(
    "DUP001",
    "Effect on a retry path without a key",
    "Something runs this call again after a failure, and nothing tells the provider that it is the same request.",
  ),
  rule(
    "DUP002",
    "The key is new at every attempt",
    "A key with a clock or a random value in it never matches the one of the first attempt.",
  ),
  rule(
    "DUP003",
    "The key is made inside the attempt",
    "The retry makes the key again, so that every attempt has its own.",
  ),
  rule(
    "DUP004",
    "One key for many operations",
    "Different operations share a key: the provider answers the second with the result of the first, or refuses it.",
  ),
  rule(
    "DUP005",
    "The key is where the provider does not read it",
    "It looks guarded and is not: the provider never sees the key.",
  ),
  rule("DUP006", "A wrapper takes a key and the caller omits it", "The wrapper could be safe; this call of it is not."),
  rule(
    "DUP007",
    "The client sends again by itself",
    "This client repeats requests after a lost response by default, without a key.",
  ),
  rule(
    "DUP008",
    "Webhook handler without event-id deduplication",
    "Senders deliver events more than once, and this handler acts each time.",
  ),
  rule("DUP009", "Job without job-id deduplication", "Queues deliver at least once, and this job acts each time."),
  rule(
    "DUP010",
    "Effect outside the durable step",
    "The engine remembers the results of steps only; what stands around them runs again with every step.",
  ),
  rule("DUP011", "Effect before an interrupt", "When the run resumes, everything before the interrupt runs again."),
  rule(
    "DUP012",
    "Unguarded agent tool",
    "A model that sees an error or a time-out calls the tool again, and the effect happens again.",
  ),
  rule("DUP013", "Two effects in one retried unit", "If the second fails, the retry repeats the first."),
  rule(
    "DUP014",
    "Protected by a state check only",
    "Two runs at the same time both pass the check, and a crash between effect and write is not seen by it.",
  ),
  rule(
    "DUP015",
    "A time-out around an effect, then a retry",
    "A time-out says that nobody waited, not that nothing happened.",
  ),
  rule(
    "DUP016",
    'An error is turned into "failed"',
    'After a lost response the effect may have happened; whoever reads "failed" does it again.',
  ),
  rule(
    "DUP017",
    "The provider forgets the key before the retries end",
    "A retry after the lifetime of the key is a new request.",
  ),
  rule("DUP018", "Local write on a retry path that is not idempotent", "A repeated increment or insert counts twice."),
  rule("DUP019", "Retry without an end", "It goes on until somebody notices."),
  rule(
    "DUP020",
    "A tool annotation contradicts the effect",
    "Hosts rely on annotations to decide what they may repeat.",
  ),
  rule(
    "DUP021",
    "The transaction is rebuilt for every attempt",
    "A new blockhash or nonce makes a second transaction, which the chain accepts as well.",
  ),
  rule(
    "DUP022",
    "Deduplication of the queue is defeated",
    "The queue drops duplicates by this id, and the id is new each time.",
  ),
  rule(
    "DUP090",
    "Unknown client that may change something",
    "The name looks like a write; the catalogue does not know the package.",
  ),
  rule(
    "DUP091",
    "The effect is decided at run time",
    "Which function runs here cannot be told from the sources, and something repeats it.",
  ),
];

const BY_ID = new Map(RULES.map((one) => [one.id, one]));

export function ruleOf(id: string): Rule {
  const found = BY_ID.get(id);
  if (!found) throw new Error(`no such rule: ${id}`);
  return found;
}

export function docsUrl(id: string): string {
  return `https://github.com/onceguard/onceguard/blob/main/docs/audit/${id}.md`;
}
