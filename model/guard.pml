/*
 * One request, two processes with the guard (each calls and sweeps), one store, the outside world, one person.
 *
 * Row numbers are those of docs/concepts-states.md; file names are those of packages/onceguard/src. README.md says what is
 * left out, and how to read a counterexample. Steps that belong to no row say which code or which assumption they are.
 *
 * Flags, given by check.mjs:
 *   what the action declares   nothing, MARK (preciseDispatch), PROBE (its "no" is final), EVENTUAL (a probe that lags, with a
 *                              settle delay), KEY (a downstream key), KEY with either probe
 *   mutants                    M_...: one rule taken out
 *   assumptions                DROP_...: one assumption taken out
 */

#ifndef ATTEMPTS
#define ATTEMPTS 3          /* of the request, in all: at most 3, the macros below count that far */
#endif
#ifndef CRASHES
#define CRASHES 1           /* of either process, in all; it is back at once and knows nothing */
#endif
#define GENERATIONS 2       /* so a person says "again" once */
#define CANNOT_TELLS 1      /* then the question goes to a person */

#if defined(PROBE) || defined(EVENTUAL)
#define HAS_PROBE
#endif

#define PERSON 2            /* processes are 0 and 1 */

mtype = { absent, running, retry_wait, in_doubt, review, succeeded, failed };  /* the record's state */
mtype = { unmade, claimed, confirmed, sent, late, over };                      /* an attempt, in its process's memory */
mtype = { nowhere, flying, said_yes, said_no };                                /* its request, outside */
mtype = { nothing, happened, did_not_happen, cannot_tell };                    /* what somebody was told and has not written */

/* ---- the store: the record. Its version is not a number; see moved() ---- */
mtype state = absent;
byte fence;
byte generation = 1;
bool mayHaveApplied;
bool conflict;
bool marked;                /* MARK: the current attempt was about to be sent */
bool settled;               /* EVENTUAL, by the store's clock: the settle delay since the last attempt's end has passed */
byte age;                   /* KEY, by the store's clock: 0 inside lifetime minus margin, 1 inside the margin, 2 dead */
byte questions;             /* row 14 so far */
bool evidence;              /* KEY: the provider has reported the success while an attempt was running */
byte firstOfKey = 1;        /* DENIALS: the first attempt under the current key */

/* ---- what the processes keep in memory, and what is on its way ---- */
typedef Attempt {
  mtype at = unmade;
  mtype net = nowhere;
  byte by;                  /* whose memory it is in */
  byte generation;          /* which key it sends */
  bool early                /* it was claimed while the key was inside lifetime minus margin */
}
Attempt try[4];             /* by fencing token, from 1 */
mtype desk[3] = nothing;    /* an answer of the probe, or what the person saw, not yet written */
byte crashes;

/* ---- the outside world ---- */
byte effects;
bool visible;               /* EVENTUAL: the effect has reached what the probe reads */
bool remembered;            /* KEY: the provider knows the current generation's key */
bool turnedDown;            /* DENIALS: it has rejected an attempt under the current key, and will say so by webhook */

/* ---- for the properties only ---- */
byte broken;                /* number of the violated property */
byte reported;              /* LYING_PROBE: attempts whose success has reached the guard */
bool unseen;                /* LYING_PROBE: evidence contradicts the record, and no person has decided since */
#ifdef M_KEY_CHECKED_BEFORE_THE_PROBE
byte ageAsRead[3];
#endif

#define EITHER(c) (c(1) || c(2) || c(3))
#define IS_FLYING(a) (try[a].net == flying)
#define FLYING EITHER(IS_FLYING)
#define IS_CONFIRMED(a) (try[a].at == confirmed)
#define OURS(a) (state == running && fence == a)
#define LEFT (fence < ATTEMPTS)
#define HAS_IN_MEMORY(a) (try[a].by == w && try[a].at != unmade && try[a].at != over)
/* An attempt's promise has not settled, and its process knows: it starts nothing more (settle.ts, isPending). */
#define IS_OPEN(a) (try[a].by == w && (try[a].at == sent || try[a].at == late))
#define PENDING EITHER(IS_OPEN)

/* ---- the properties: README.md has them in words ---- */
#ifdef ONLY /* one property alone, to see what a mutant does beyond what it is caught by first */
#define ASKED(n) (n == ONLY)
#elif defined(LYING_PROBE) /* then effects can double, and only the bookkeeping is asked for */
#define ASKED(n) (n == 4 || n == 5 || n == 6 || n == 8)
#else
#define ASKED(n) (n != 8 && n != 9)
#endif
inline check(n, holds) { if :: !ASKED(n) || (holds) :: else -> broken = n; assert(broken != n) fi }

/* ---- the rules, each where it can be taken out ---- */

/* What changes the record in the name of an attempt is written under its fence; late success alone is not. */
#ifdef M_UNFENCED_WRITES
#define MAY_WRITE(a) (state == running)
#else
#define MAY_WRITE(a) OURS(a)
#endif
/* Rows 17, 18: the attempt and the current one send the same key, so the other side makes one effect of both. */
#ifdef KEY
#define SAME_KEY(a) (try[a].generation == generation)
#else
#define SAME_KEY(a) false
#endif

#define IS_QUESTION (state == in_doubt || state == review || state == retry_wait)
#if defined(M_LATE_SUCCESS_IGNORES_NEWER_ATTEMPT)
#define LATE_SUCCESS_SETTLES(a) (IS_QUESTION || state == running)
#elif defined(M_LATE_SUCCESS_REWRITES_WHAT_IS_SETTLED)
#define LATE_SUCCESS_SETTLES(a) (fence == a && state != succeeded)
#else
#define LATE_SUCCESS_SETTLES(a) (IS_QUESTION && (fence == a || SAME_KEY(a)))
#endif
#ifdef M_EVERY_LATE_SUCCESS_IS_A_CONFLICT
#define AGREES(a) false
#else
#define AGREES(a) (((state == succeeded || state == running) && SAME_KEY(a)) || (state == succeeded && fence == a))
#endif

/* A1: between the last look and the send nobody stands still for as long as the margin of the lease. */
#if defined(DROP_A1)
#define LEASE_MAY_LAPSE true
#elif defined(M_LEASE_NEVER_EXPIRES)
#define LEASE_MAY_LAPSE false
#else
#define LEASE_MAY_LAPSE (try[fence].at != confirmed)
#endif

/* Row 13: "did not happen" counts when the settle delay had passed as the record was READ, before the probe was asked. */
#if !defined(EVENTUAL) || defined(M_NO_SETTLE_DELAY) || defined(M_SETTLED_JUDGED_AFTER_THE_ANSWER)
#define SETTLED_AS_READ true
#else
#define SETTLED_AS_READ settled
#endif
#ifdef M_SETTLED_JUDGED_AFTER_THE_ANSWER
#define NO_COUNTS (settled && !PENDING)
#else
#define NO_COUNTS (!PENDING)
#endif

/* Row 11: inside lifetime minus margin by the store's clock, in the very write that claims (a transition's `notAfter`). */
#if defined(M_KEY_NEVER_EXPIRES)
#define KEY_IS_GOOD true
#elif defined(M_NO_KEY_MARGIN)
#define KEY_IS_GOOD (age < 2)
#elif defined(M_KEY_CHECKED_BEFORE_THE_PROBE)
#define KEY_IS_GOOD (ageAsRead[w] == 0)
#else
#define KEY_IS_GOOD (age == 0)
#endif

/* A2: the provider knows its keys for their lifetime, and of two at once it makes one. */
#define OTHERS_FLY(a) ((a != 1 && IS_FLYING(1)) || (a != 2 && IS_FLYING(2)) || (a != 3 && IS_FLYING(3)))
#ifdef DROP_A2 /* it checks and acts in two steps */
#define DEDUPED(a) (try[a].generation == generation && remembered && !OTHERS_FLY(a))
#else
#define DEDUPED(a) (try[a].generation == generation && remembered)
#endif

/* The margin of the key: what was claimed before it has arrived, or never will, by the time the key dies. */
#define IS_HURRYING(a) (try[a].early && (try[a].at == claimed || try[a].at == confirmed || IS_FLYING(a)))
#define KEY_MATTERS (state != absent && (FLYING || (state != succeeded && state != failed)))
#ifdef DROP_MARGIN
#define KEY_MAY_DIE true
#else
#define KEY_MAY_DIE (!EITHER(IS_HURRYING))
#endif

/* A3: after an attempt's end the settle delay is longer than its request can be on its way, and the probe behind. */
#if defined(M_SETTLE_COUNTS_FROM_THE_START)
#define DELAY_MAY_PASS (state == in_doubt || state == running)
#elif defined(DROP_A3)
#define DELAY_MAY_PASS (state == in_doubt)
#else
#define DELAY_MAY_PASS (state == in_doubt && !FLYING && (effects == 0 || visible))
#endif

/* Nothing is sent by itself while evidence contradicts the record. */
#ifdef M_SENDS_DESPITE_CONFLICT
#define CONFLICT_STOPS false
#else
#define CONFLICT_STOPS unseen
#endif
/* A provider's "no" to one attempt says nothing about another under the same key. */
#ifdef M_ONE_DENIAL_COUNTS_FOR_ALL
#define DENIAL_COUNTS true
#else
#define DENIAL_COUNTS (fence == firstOfKey)
#endif

/* P: a person looks when nothing is on its way any more, and says what is there. */
#ifdef DROP_P
#define PERSON_MAY_LOOK true
#else
#define PERSON_MAY_LOOK (!FLYING)
#endif

/* ---- writes ---- */

/*
 * The record has a new version, so compare-and-set refuses whatever is decided on the old one. Such answers are thrown away
 * here instead of when somebody tries to write them: the same thing in fewer states.
 */
inline moved() {
#ifndef M_PROBE_ANSWER_NOT_BOUND_TO_VERSION
  desk[0] = nothing; desk[1] = nothing;
#endif
#ifndef M_DECISION_NOT_BOUND_TO_VERSION
  desk[PERSON] = nothing;
#endif
  skip
}

/* Every write is one atomic step. Property 4: what is settled stays, unless a person reopens a failure. */
inline write(next, reopens) {
  check(4, state != succeeded && (state != failed || reopens));
  state = next;
#ifndef M_SETTLE_COUNTS_FROM_THE_START
  settled = (settled && next == in_doubt);
#endif
  moved()
}
inline succeed() { write(succeeded, false); mayHaveApplied = false; evidence = false; check(3, effects == 1) }
inline fail() { write(failed, false); check(2, effects == 0 && !FLYING && !EITHER(IS_CONFIRMED)) }
inline doubt() { mayHaveApplied = true; endAttempt(); write(in_doubt, false) }

inline endAttempt() {
  marked = false;
#ifndef M_SETTLE_COUNTS_FROM_THE_START
  settled = false
#endif
}

/* Rows 1, 10, 11: the right to execute, for process w. */
inline claim(w) {
  printf("process %d claims attempt %d under key %d\n", w, fence + 1, generation);
  check(9, !unseen);
  write(running, false);
  fence++;
  settled = false;
  try[fence].at = claimed;
  try[fence].by = w;
#if defined(KEY) || defined(DENIALS)
  try[fence].generation = generation;
#endif
#ifdef KEY
  try[fence].early = (age == 0)
#endif
}

/* The process has done with attempt a; its request may still be on its way. */
inline finish(a) {
  try[a].at = over;
  try[a].by = 0;
  if :: !IS_FLYING(a) -> land(a, nowhere) :: else fi
}
inline land(a, reply) {
  try[a].net = (try[a].at == over -> nowhere : reply);
  try[a].early = false; /* it hurries no more; and what nothing looks at any longer is cleared, for fewer states */
  if :: try[a].at == over -> try[a].generation = 0 :: else fi
}

/* It certainly did not happen, says the attempt in hand. */
inline definiteFailure() {
  if
#ifndef M_NO_STICKY_FLAG
  :: mayHaveApplied -> printf("-> in_doubt: an earlier attempt may have happened (row 8)\n"); endAttempt(); write(in_doubt, false)
  :: !mayHaveApplied ->
#else
  :: true ->
#endif
    endAttempt();
    if
    :: LEFT -> printf("-> retry_wait (row 6)\n"); write(retry_wait, false)
    :: printf("-> review (row 7)\n"); write(review, false)
    :: printf("-> failed (row 7)\n"); fail()
    fi
  fi
}

/* A success whose claim is gone (record-receipt.ts, recordLate). */
inline lateSuccess(a) {
  if
  :: LATE_SUCCESS_SETTLES(a) -> printf("-> succeeded, by late evidence (row 17)\n"); succeed()
  :: else ->
    if
    :: AGREES(a) -> printf("-> logged, it agrees with the record (row 18)\n"); moved()
    :: else ->
      printf("-> conflict (row 18)\n"); conflict = true; unseen = true; moved();
      check(7, false) /* within the assumptions, evidence never contradicts the record */
    fi
  fi;
  report()
}

/* Property 8: without a key every attempt that reports success was an effect of its own; two of them are not passed over. */
inline report() {
#ifdef LYING_PROBE
  reported++;
  check(8, reported < 2 || conflict)
#else
  skip
#endif
}

/* ---- one attempt: its way through a process (execute.ts, record-receipt.ts), and through the network ---- */
proctype Try(byte a) {
end:
  do
  /* The last look before sending */
#if defined(M_NO_LAST_LOOK)
  :: atomic { try[a].at == claimed -> printf("attempt %d is about to be sent, without a look\n", a); try[a].at = confirmed }
#else
#if defined(MARK) && !defined(M_MARK_AFTER_THE_SEND)
  :: atomic { try[a].at == claimed && OURS(a) -> printf("attempt %d is marked: about to be sent\n", a);
      write(running, false); marked = true; try[a].at = confirmed }
#else
  :: atomic { try[a].at == claimed && OURS(a) -> printf("attempt %d is confirmed: about to be sent\n", a); try[a].at = confirmed }
#endif
  :: atomic { try[a].at == claimed && !OURS(a) -> printf("attempt %d has lost its claim: nothing is sent\n", a); finish(a) }
  :: atomic { try[a].at == claimed && OURS(a) -> printf("attempt %d cannot be confirmed in time: nothing is sent ", a);
      definiteFailure(); finish(a) }
#endif
#ifdef M_SUCCESS_BEFORE_THE_SEND
  :: atomic { try[a].at == confirmed && OURS(a) -> printf("attempt %d is recorded as succeeded, and then sent\n", a); succeed();
      try[a].at = sent; try[a].net = flying }
#else
  :: atomic { try[a].at == confirmed -> printf("attempt %d is sent\n", a); try[a].at = sent; try[a].net = flying }
#endif
#ifdef M_MARK_AFTER_THE_SEND
  :: atomic { try[a].at == sent && OURS(a) && !marked -> printf("attempt %d is marked\n", a); write(running, false); marked = true }
#endif

  /* The reply is recorded, under the fence */
  :: atomic { try[a].at == sent && try[a].net == said_yes ->
      printf("attempt %d has succeeded ", a);
      if
      :: MAY_WRITE(a) -> check(5, OURS(a)); endAttempt(); printf("-> succeeded (row 5)\n"); succeed(); report()
      :: else -> lateSuccess(a)
      fi;
      finish(a) }
  :: atomic { try[a].at == sent && try[a].net == said_no ->
      printf("attempt %d was rejected ", a);
      if
#if defined(M_DELETE_ON_ERROR)
      :: MAY_WRITE(a) -> check(5, OURS(a)); printf("-> the record is deleted\n"); write(absent, false)
#elif defined(M_LATE_FAILURE_SETTLES)
      :: MAY_WRITE(a) -> check(5, OURS(a)); definiteFailure()
      :: state == in_doubt -> printf("-> failed\n"); fail()
#else
      :: MAY_WRITE(a) -> check(5, OURS(a)); definiteFailure()
#endif
      :: else -> printf("-> logged, the claim is gone\n")
      fi;
      finish(a) }
  /* A timeout, a reset, an unknown error, a lost lease, a shutdown, a reply that never comes: at any time */
  :: atomic { try[a].at == sent ->
      printf("attempt %d is given up on ", a);
      if
      :: MAY_WRITE(a) -> check(5, OURS(a));
#if defined(M_AMBIGUOUS_IS_FAILED)
        printf("-> failed\n"); fail()
#elif defined(M_DELETE_ON_ERROR)
        printf("-> the record is deleted\n"); write(absent, false)
#elif defined(M_RETRY_WHILE_IN_FLIGHT)
        printf("-> retry_wait\n"); endAttempt(); write(retry_wait, false)
#else
        printf("-> in_doubt (row 9)\n"); doubt()
#endif
      :: else -> printf("-> logged, the claim is gone\n")
      fi;
      try[a].at = late }
  :: atomic { try[a].at == late && try[a].net == said_yes -> printf("attempt %d has succeeded after all ", a); lateSuccess(a); finish(a) }
  :: atomic { try[a].at == late && (try[a].net == said_no || try[a].net == nowhere) -> printf("attempt %d has no more to say\n", a); finish(a) }

  /* Outside: it arrives at any time, or is rejected, or lost; and the reply can be lost */
  :: atomic { IS_FLYING(a) ->
      if
#ifdef KEY
      :: DEDUPED(a) -> printf("  world: attempt %d arrives, its key is known: no second effect\n", a)
#endif
      :: else ->
        effects++;
        printf("  world: attempt %d HAPPENS, effects: %d\n", a, effects);
#ifdef KEY
        remembered = (remembered || (try[a].generation == generation && age < 2));
#endif
        check(2, state != failed);
        check(1, effects <= 1)
      fi;
      land(a, said_yes) }
  :: atomic { IS_FLYING(a) -> printf("  world: attempt %d is rejected, nothing happens\n", a);
#ifdef DENIALS
      turnedDown = (turnedDown || try[a].generation == generation);
#endif
      land(a, said_no) }
  :: atomic { IS_FLYING(a) -> printf("  world: attempt %d is lost on its way\n", a); land(a, nowhere) }
  :: atomic { try[a].net == said_yes || try[a].net == said_no -> printf("  world: the reply to attempt %d is lost\n", a); land(a, nowhere) }
  od
}

/* ---- a process with the guard: it calls, and it sweeps (settle.ts). Its attempts run beside it, in Try ---- */
inline resend(w) {
#ifdef M_GENERATION_BUMP_ON_UNKNOWN
  generation++; age = 0; remembered = false;
#endif
  printf("the key is still good (row 11): ");
  claim(w)
}

/* A crash: what the process knew of attempt a is gone. */
inline forget(a) {
  if
  :: HAS_IN_MEMORY(a) -> finish(a)
  :: else
  fi
}

proctype Guard(byte w) {
end:
  do
  /* The two processes are alike, so let 0 be the one that comes first */
  :: atomic { state == absent && LEFT && (fence > 0 || w == 0) -> printf("there is no record (row 1): "); claim(w) }

  /* Row 9, at any time: whether the owner is slow, paused or dead, nobody can know */
  :: atomic { state == running && LEASE_MAY_LAPSE ->
      printf("process %d sees the lease of attempt %d passed ", w, fence);
      if
#ifdef M_LEASE_EXPIRY_RERUNS
      :: LEFT -> printf("-> retry_wait\n"); write(retry_wait, false)
#endif
#ifdef MARK
      :: !marked && !mayHaveApplied -> printf("-> retry_wait: no mark, so nothing was sent, and nothing will be\n");
        endAttempt(); write(retry_wait, false)
#endif
      :: else -> printf("-> in_doubt (row 9)\n"); doubt()
      fi }

  :: atomic { state == retry_wait && LEFT && !PENDING && !CONFLICT_STOPS -> printf("a retry is due (row 10): "); claim(w) }
  :: atomic { state == retry_wait -> printf("process %d gives up: no attempt or time is left -> review (row 15)\n", w); write(review, false) }

#ifdef KEY
  :: atomic { state == in_doubt && evidence -> printf("process %d uses what the provider has reported -> succeeded (row 12)\n", w); succeed() }
#endif
#ifdef HAS_PROBE
  /* The question takes its time: the answer is as old as the moment it was found */
  :: atomic { state == in_doubt && desk[w] == nothing ->
      if
      :: desk[w] = cannot_tell /* also what is said before the settle delay has passed */
#if defined(LYING_PROBE)
      :: desk[w] = happened
      :: desk[w] = did_not_happen
#elif defined(EVENTUAL)
      :: visible -> desk[w] = happened
      :: !visible && SETTLED_AS_READ -> desk[w] = did_not_happen
#else
      :: effects > 0 -> desk[w] = happened
#ifdef DROP_A3 /* it sees what has happened, and nothing of what is on its way */
      :: effects == 0 -> desk[w] = did_not_happen
#else
      :: effects == 0 && !FLYING -> desk[w] = did_not_happen
#endif
#endif
      fi;
#ifdef M_KEY_CHECKED_BEFORE_THE_PROBE
      ageAsRead[w] = age;
#endif
      printf("process %d asks the probe: %e\n", w, desk[w]) }
  :: atomic { desk[w] != nothing ->
      if
#ifdef M_PROBE_ANSWER_NOT_BOUND_TO_VERSION
      :: state != in_doubt -> skip
      :: state == in_doubt && desk[w] == happened ->
#else
      :: desk[w] == happened ->
#endif
        printf("process %d writes the answer -> succeeded (row 12)\n", w); succeed()
      :: desk[w] == did_not_happen && NO_COUNTS && state == in_doubt ->
        mayHaveApplied = false;
        if
        :: LEFT -> printf("process %d writes the answer -> retry_wait (row 13)\n", w); write(retry_wait, false)
        :: printf("process %d writes the answer -> failed (row 13)\n", w); fail()
        fi
      :: (desk[w] == cannot_tell || (desk[w] == did_not_happen && !NO_COUNTS)) && state == in_doubt ->
        if
        :: questions < CANNOT_TELLS -> questions++; printf("process %d will ask again (row 14)\n", w); write(in_doubt, false)
        :: printf("process %d gives up -> review (row 15)\n", w); write(review, false)
#ifdef KEY
        :: KEY_IS_GOOD && LEFT && !PENDING && !CONFLICT_STOPS -> resend(w)
#endif
        fi
      fi;
      desk[w] = nothing }
#else
#ifdef KEY
  :: atomic { state == in_doubt && KEY_IS_GOOD && LEFT && !PENDING && !CONFLICT_STOPS -> resend(w) }
#endif
  :: atomic { state == in_doubt -> printf("process %d gives up -> review (row 15)\n", w); write(review, false) }
#endif

  :: atomic { crashes < CRASHES && (EITHER(HAS_IN_MEMORY) || desk[w] != nothing) ->
      crashes++;
      printf("process %d CRASHES: it knows nothing any more, what it has sent goes on\n", w);
      forget(1); forget(2); forget(3);
      desk[w] = nothing }
  od
}

/* ---- a person (review.ts) ---- */
inline again() {
  write(retry_wait, true);
  generation++; age = 0; remembered = false; turnedDown = false; mayHaveApplied = false; unseen = false;
#ifdef DENIALS
  firstOfKey = fence + 1
#endif
}

proctype Person() {
end:
  do
  :: atomic { (state == review || state == in_doubt) && desk[PERSON] == nothing && PERSON_MAY_LOOK ->
      desk[PERSON] = (effects > 0 -> happened : did_not_happen);
      printf("a person looks at the world: %e\n", desk[PERSON]) }
  /* The decision, on the version that the person saw */
  :: atomic { desk[PERSON] != nothing ->
      if
#ifdef M_DECISION_NOT_BOUND_TO_VERSION
      :: state != review && state != in_doubt -> skip
      :: (state == review || state == in_doubt) && desk[PERSON] == happened ->
#else
      :: desk[PERSON] == happened ->
#endif
        printf("the person: it happened -> succeeded (row 16)\n"); succeed()
#ifdef PERSON_NEVER_SAYS_NO
      :: desk[PERSON] == did_not_happen -> printf("the person leaves it open\n")
#else
      :: desk[PERSON] == did_not_happen && (state == review || state == in_doubt) ->
        if
        :: printf("the person: it did not happen -> failed (row 16)\n"); mayHaveApplied = false; fail()
        :: generation < GENERATIONS && LEFT -> printf("the person: do it again -> retry_wait (row 16)\n"); again()
        fi
#endif
      fi;
      desk[PERSON] = nothing }
  :: atomic { state == failed && generation < GENERATIONS && LEFT -> printf("the person reopens it -> retry_wait (row 19)\n"); again() }
  od
}

/* ---- time passes as it likes, within the assumptions ---- */
proctype Time() {
end:
  do
  :: false -> skip /* with neither key nor lag, nothing depends on it */
#ifdef KEY
  :: atomic { age == 0 && KEY_MATTERS -> printf("  time: the key comes into its margin\n"); age = 1 }
  :: atomic { age == 1 && KEY_MATTERS && KEY_MAY_DIE -> printf("  time: the key is dead, the provider forgets it\n"); age = 2; remembered = false }
  /* The provider's webhook, which names the key (take-evidence.ts) */
  :: atomic { remembered && IS_QUESTION -> printf("  the provider reports the success -> succeeded (row 17)\n"); succeed() }
  :: atomic { remembered && state == running && !evidence ->
      printf("  the provider reports the success -> kept until the attempt has answered (row 18)\n");
      evidence = true; mayHaveApplied = true; moved() }
#endif
#ifdef DENIALS
  :: atomic { turnedDown && state == in_doubt && DENIAL_COUNTS ->
      printf("  the provider reports that it has rejected an attempt under key %d ", generation);
      mayHaveApplied = false;
      if
      :: LEFT -> printf("-> retry_wait (row 13)\n"); write(retry_wait, false)
      :: printf("-> failed (row 13)\n"); fail()
      fi }
#endif
#ifdef EVENTUAL
  :: atomic { effects > 0 && !visible && state == in_doubt -> printf("  time: the probe can see the effect now\n"); visible = true }
  :: atomic { !settled && DELAY_MAY_PASS -> printf("  time: the settle delay has passed\n"); settled = true }
#endif
#ifdef DROP_A0 /* the store forgets a write that it has acknowledged */
  :: atomic { state == running && fence == 1 -> printf("  the store LOSES the record\n"); write(absent, false) }
#endif
#ifdef DROP_A4 /* somebody calls the tool without the guard */
  :: atomic { effects == 0 -> effects++; printf("  world: the effect HAPPENS, without the guard\n") }
#endif
  od
}

/* Property 6: when nothing can move any more, the request is settled. */
init {
  atomic {
    run Guard(0); run Guard(1);
    run Try(1); run Try(2); run Try(3);
    run Person(); run Time()
  };
  timeout;
#ifndef PERSON_NEVER_SAYS_NO
  check(6, state == succeeded || state == failed)
#endif
}
