// The page of `onceguard demo --web`, and of a recording of it. It shows what it is told and counts nothing itself but
// the lines of the provider's ledger. Text only ever becomes text.

const SIDES = {
  unguarded: { title: "Unguarded", hint: "a careful tool, with a time-out" },
  guarded: { title: "Guarded", hint: "the same tool, behind the guard" },
};
const ICONS = {
  agent: "M12 3v3M6 6h12a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2zM9 11v2M15 11v2M9 21h6",
  guard: "M12 3l7 3v5c0 5-3 8-7 10-4-2-7-5-7-10V6zM9 12l2 2 4-4",
  provider: "M3 9l9-5 9 5zM5 9v8M10 9v8M14 9v8M19 9v8M3 20h18",
};
const still = matchMedia("(prefers-reduced-motion: reduce)");
const byId = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const { data = {}, aria = {}, ...rest } = properties;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
  made.append(...children);
  return made;
}

const money = (cents) => (cents / 100).toLocaleString("en-US", { minimumFractionDigits: 2 });
const counted = (n, one) => `${n} ${n === 1 ? one : `${one}s`}`;
const times = (n) => (n === 0 ? "not paid" : n === 1 ? "paid once" : n === 2 ? "paid twice" : `paid ${n} times`);

// One side

function makeSide(name) {
  const { title, hint } = SIDES[name];
  const amount = element("span", { className: "amount" });
  const count = element("span", { className: "count" });
  const ledger = element("ol", { className: "ledger", tabIndex: 0, aria: { label: `Provider's ledger, ${name}` } });
  const log = element("ol", { className: "events", tabIndex: 0, aria: { label: `What happened, ${name}` } });
  const nodes = { agent: makeNode("agent", "Agent"), provider: makeNode("provider", "Provider") };
  const row = [nodes.agent.box, element("div", { className: "wire" })];
  if (name === "guarded") {
    nodes.guard = makeNode("guard", "Onceguard");
    row.push(nodes.guard.box, element("div", { className: "wire" }));
  }
  // What it shows is also said, line by line, in the list below.
  const scene = element("div", { className: "scene", aria: { hidden: "true" } }, ...row, nodes.provider.box);
  const head = element("h2", { id: `${name}-title`, textContent: title });
  const section = element(
    "section",
    { className: "side", data: { side: name }, aria: { labelledby: head.id } },
    element(
      "div",
      { className: "head" },
      element("div", {}, head, element("p", { className: "hint", textContent: hint })),
      element("p", { className: "money" }, amount, count),
    ),
    scene,
    element("h3", { textContent: "Provider's ledger" }),
    ledger,
    element("h3", { textContent: "What happened" }),
    log,
  );
  const score = element("span", { data: { side: name } });
  return { name, section, score, scene, nodes, amount, count, ledger, log };
}

function makeNode(kind, title) {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[kind]);
  icon.append(path);
  const state = element("span");
  return { state, box: element("div", { className: "node" }, icon, element("b", { textContent: title }), state) };
}

function setNode(side, kind, text, mood) {
  const node = sides[side].nodes[kind];
  if (!node) return;
  node.state.textContent = text;
  if (mood) node.box.dataset.mood = mood;
  else delete node.box.dataset.mood;
}

const sides = { unguarded: makeSide("unguarded"), guarded: makeSide("guarded") };
byId("sides").append(sides.unguarded.section, sides.guarded.section);
byId("score").append(sides.unguarded.score, sides.guarded.score);

// What is shown by now

let shown;
/** While one looks something up, nothing moves. */
let quiet = false;

function reset() {
  document.body.dataset.settled = "0";
  shown = { intents: 0, startedAt: 0, burst: false };
  for (const side of Object.values(sides)) {
    Object.assign(side, { payments: 0, cents: 0, perIntent: new Map(), lines: new Map(), dead: false });
    side.ledger.replaceChildren();
    side.log.replaceChildren();
    for (const packet of side.scene.querySelectorAll(".packet")) packet.remove();
    for (const kind of Object.keys(side.nodes)) setNode(side.name, kind, "waits");
    showTotals(side);
  }
}

function showTotals(side) {
  side.amount.textContent = money(side.cents);
  side.count.textContent = `${counted(side.payments, "payment")} for ${counted(shown.intents, "invoice")}`;
  const verdict = side.payments === 0 ? "none" : side.payments > shown.intents ? "bad" : "good";
  side.section.dataset.verdict = verdict;
  side.score.dataset.verdict = verdict;
  side.score.textContent = `${SIDES[side.name].title} ${money(side.cents)}`;
}

function say(side, at, text, tone = "", key = text, n = 1) {
  const { log, lines } = sides[side];
  const known = shown.burst ? lines.get(key) : undefined;
  if (known) {
    known.n += n;
    known.words.textContent = `${known.n} × ${text}`;
    return;
  }
  const seconds = ((at - shown.startedAt) / 1000).toFixed(2);
  const words = element("span", { textContent: text });
  if (tone) words.dataset.tone = tone;
  if (n > 1) words.textContent = `${n} × ${text}`;
  lines.set(key, { words, n });
  log.append(element("li", {}, element("span", { className: "at", textContent: `${seconds} s` }), words));
  log.scrollTop = log.scrollHeight;
}

function fly(side, from, to, kind, { half = false, first = false } = {}) {
  const { scene, nodes } = sides[side];
  const start = nodes[from] ?? nodes.agent;
  const end = nodes[to] ?? nodes.agent;
  if (quiet || still.matches || start === end) return;
  const area = scene.getBoundingClientRect();
  const middle = ({ box }) => {
    const { left, top, width, height } = box.getBoundingClientRect();
    return [left - area.left + width / 2, top - area.top + height / 2];
  };
  const [x1, y1] = middle(start);
  const [x2, y2] = middle(end);
  const part = half ? 0.55 : 1;
  const spread = shown.burst ? (Math.random() - 0.5) * 50 : 0;
  const packet = element("div", { className: "packet", data: { kind, first: String(first) } });
  scene.append(packet);
  const at = (x, y) => `translate(${x}px, ${y}px)`;
  const last = at(x1 + (x2 - x1) * part, y1 + (y2 - y1) * part + spread);
  const frames = [{ transform: at(x1, y1 + spread) }, { transform: last, opacity: 1, offset: 0.85 }];
  const gone = { transform: half ? `${last} scale(2.4)` : last, opacity: 0 };
  packet.animate([...frames, gone], { duration: 620, easing: "ease-in-out", fill: "forwards" }).onfinish = () =>
    packet.remove();
}

/** Money leaves: from the provider down into the ledger. */
function dropCoin(side, row, first) {
  if (quiet || still.matches) return;
  const { scene, nodes, ledger } = sides[side];
  const area = scene.getBoundingClientRect();
  const from = nodes.provider.box.getBoundingClientRect();
  const to = Math.min(row.getBoundingClientRect().top, ledger.getBoundingClientRect().bottom - 30);
  const packet = element("div", { className: "packet", data: { kind: "coin", first: String(first) } });
  scene.append(packet);
  const x = from.left - area.left + from.width / 2;
  const y = from.top - area.top + from.height / 2;
  const drift = shown.burst ? (Math.random() - 0.5) * 60 : 0;
  const frames = [
    { transform: `translate(${x}px, ${y}px) scale(.6)` },
    { transform: `translate(${x + drift}px, ${to - area.top + 14}px)`, opacity: 1, offset: 0.9 },
    { transform: `translate(${x + drift}px, ${to - area.top + 14}px) scale(.4)`, opacity: 0 },
  ];
  packet.animate(frames, { duration: 700, easing: "cubic-bezier(.5,0,.8,.6)" }).onfinish = () => packet.remove();
}

// What happened, in words and pictures

const FAULTS = {
  __proto__: null,
  lose_response: ["provider has paid; its response is lost", "response lost", "bad"],
  hang: ["provider has paid, and its answer never comes", "never answers", "bad"],
  error_500: ["provider has paid, and answers 500", "answers 500", "bad"],
  error_503: ["provider has not paid, and answers 503", "answers 503", "doubt"],
};
const GUARD = {
  __proto__: null,
  claim: ["guard stores the claim before anything is sent", "claim stored", "moving"],
  indefinite: ["guard: it may have been paid. In doubt, not failed", "in doubt", "doubt"],
  lapse: ["guard: the lease of the dead process ran out. In doubt", "in doubt", "doubt"],
  resend: ["guard sends again under the same key", "same key again", "moving"],
  retry: ["guard sends again", "sends again", "moving"],
  probe_happened: ["guard asked the provider: it was paid", "lookup: paid", "good"],
  probe_did_not_happen: ["guard asked the provider: it was not paid", "lookup: not paid", "doubt"],
  success: ["guard stores the receipt", "receipt stored", "good"],
  drift: ["guard: other words, the same intent", "same intent", "good"],
  replayed: ["guard replays the receipt; nothing is sent", "replays", "good"],
};

const SHOW = {
  __proto__: null,
  intent: ({ title, provider, at, intent, calls }) => {
    Object.assign(shown, { intents: intent, startedAt: at, burst: calls > 8 });
    for (const side of Object.values(sides)) {
      side.lines = new Map();
      side.dead = false;
      for (const kind of Object.keys(side.nodes)) setNode(side.name, kind, "waits");
      const line = element("span", { textContent: `Invoice ${intent}: ${title}` });
      side.log.append(element("li", { className: "new-intent" }, element("span"), line));
      side.log.scrollTop = side.log.scrollHeight;
      const coins = element("span", { className: "coins", aria: { hidden: "true" } });
      const sum = element("span", { className: "sum", textContent: "not paid" });
      const row = element("li", {}, element("span", { textContent: `${intent}. ${title}` }), sum, coins);
      side.ledger.prepend(row);
      side.ledger.scrollTop = 0;
      side.perIntent.set(intent, { row, coins, sum, payments: 0, cents: 0 });
      showTotals(side);
    }
    const terms =
      provider === "keys" ? "honours Idempotency-Key" : "ignores Idempotency-Key, and can be asked what was paid";
    caption(`Invoice ${intent}. ${title}. This provider ${terms}.`);
  },
  retry: ({ at, intent }) => {
    shown.startedAt = at;
    shown.burst = false;
    for (const side of Object.values(sides)) say(side.name, at, "retry: the same invoice once more");
    caption(`Invoice ${intent}, pressed again: the model plans the same call in other words.`);
  },
  agent: ({ side, at, pid }) => {
    say(side, at, shown.burst ? "agent process starts" : `agent process ${pid} starts`);
    setNode(side, "agent", `process ${pid}`);
  },
  call: ({ side, at, pid, note }) => {
    say(side, at, shown.burst ? "call of pay_invoice" : `agent calls pay_invoice: "${note}"`);
    setNode(side, "agent", shown.burst ? "4 processes call" : `process ${pid} calls`, "moving");
    fly(side, "agent", side === "guarded" ? "guard" : "provider", "request");
    if (side === "guarded" && sides.guarded.dead) setNode(side, "guard", "waits: the claim is another's", "doubt");
  },
  guard: ({ side, at, event, state, times }) => {
    const [text, short, mood] = GUARD[event] ?? [`guard: ${event}`, state ?? event, "moving"];
    say(side, at, text, mood === "moving" ? "" : mood, text, times);
    setNode(side, "guard", short, mood);
    if (event === "replayed") fly(side, "guard", "agent", "answer");
  },
  request: ({ side, at }) => {
    say(side, at, "provider gets an order to pay");
    setNode(side, "provider", "gets an order", "moving");
    if (side === "guarded") fly(side, "guard", "provider", "request");
  },
  lookup: ({ side, at, found }) => {
    say(side, at, `provider is asked what was paid: ${found === 0 ? "nothing" : counted(found, "payment")}`);
    setNode(side, "provider", "looks it up", "moving");
    fly(side, "guard", "provider", "lookup");
  },
  paid: ({ side, at, amount_cents, payment_id, intent }) => {
    const own = sides[side];
    const entry = own.perIntent.get(intent);
    own.payments++;
    own.cents += amount_cents;
    entry.payments++;
    entry.cents += amount_cents;
    const first = entry.payments === 1;
    entry.coins.append(element("i"));
    entry.sum.textContent = `${times(entry.payments)} · ${money(entry.cents)}`;
    entry.row.dataset.verdict = first ? "good" : "bad";
    const name = shown.burst ? "" : ` (${payment_id})`;
    const text = first
      ? `${money(amount_cents)} leaves${name}`
      : `${money(amount_cents)} leaves again: a duplicate${name}`;
    say(side, at, text, first ? "" : "bad");
    setNode(side, "provider", first ? "has paid" : "has paid again", first ? "good" : "bad");
    showTotals(own);
    dropCoin(side, entry.row, first);
  },
  answer: ({ side, at, fault, known }) => {
    const to = side === "guarded" ? "guard" : "agent";
    if (fault === null) {
      say(side, at, known ? "provider knows the key: the same payment, nothing new" : "provider answers: paid");
      if (known) setNode(side, "provider", "knows the key", "good");
      fly(side, "provider", to, "answer");
    } else {
      const [text, short, tone] = FAULTS[fault];
      say(side, at, text, tone);
      setNode(side, "provider", short, tone);
      fly(side, "provider", to, "lost", { half: fault === "lose_response" || fault === "hang" });
    }
  },
  killed: ({ side, at, pid }) => {
    say(side, at, `kill -9: agent process ${pid} is dead`, "bad");
    setNode(side, "agent", "kill -9: dead", "bad");
    setNode(side, "guard", "its claim stays", "doubt");
    sides[side].dead = true;
  },
  error: ({ side, at, error }) => {
    say(side, at, `agent sees "${error}", and calls again`, "doubt", "error");
    setNode(side, "agent", "sees an error", "doubt");
  },
  told: ({ side, at, status }) => {
    const words = status === "replayed" ? "agent is given the same receipt: replayed" : `agent is told: ${status}`;
    say(side, at, words, "", status);
    setNode(side, "agent", `is told: ${status}`, "good");
    if (side === "guarded") fly(side, "guard", "agent", "answer");
  },
  settled: ({ unguarded, guarded, problems, intent }) => {
    const verdict = `Unguarded: ${times(unguarded.payments)}. Guarded: ${times(guarded.payments)}.`;
    caption([`Invoice ${intent}, by the provider's ledger.`, verdict, ...problems].join(" "));
    countSettled();
  },
  trouble: ({ message }) => {
    caption(`The demo itself has failed: ${message}`);
    countSettled();
  },
};

/** For those who wait for it. */
function countSettled() {
  document.body.dataset.settled = String(Number(document.body.dataset.settled) + 1);
}

function caption(text) {
  byId("now").textContent = text;
}

// One after the other, slow enough to be seen

const PACE = { intent: 1300, agent: 300, call: 520, guard: 560, lookup: 560, paid: 700, killed: 1200, settled: 1900 };
const happenings = [];
let next = 0;
let playing = false;
let timer = null;
let live = false;
let onMoved = () => {};

function paceOf(one, following) {
  // Who wants no motion has nothing to follow with the eyes; a recording still has to be read.
  if (!following || (live && still.matches)) return 0;
  const pace = PACE[one.what] ?? 460;
  if (one.what === "intent" || one.what === "settled") return pace;
  if (shown.burst) return Math.max(14, pace / 22);
  // The two sides happen at the same time.
  return following.side && following.side !== one.side ? pace * 0.4 : pace;
}

function showNext() {
  const one = happenings[next++];
  SHOW[one.what]?.(one);
  return one;
}

function tick() {
  timer = null;
  if (!playing || next >= happenings.length) return onMoved();
  const one = showNext();
  timer = setTimeout(tick, paceOf(one, happenings[next]));
  onMoved();
}

function go() {
  if (timer === null) tick();
}

/** At once, as when one looks up a page in a book. */
function jumpTo(index) {
  clearTimeout(timer);
  timer = null;
  if (index < next) {
    next = 0;
    reset();
  }
  quiet = true;
  while (next < index) showNext();
  quiet = false;
  onMoved();
}

// A recording

function openRecording({ happenings: recorded, recorded_at }) {
  happenings.push(...recorded);
  byId("player").hidden = false;
  byId("source").textContent =
    `Recorded ${recorded_at.slice(0, 10)} from a real run of onceguard demo: real processes, a real kill -9, times as they were measured.`;
  const [play, position, chapters] = [byId("play"), byId("position"), byId("chapters")];
  position.max = String(happenings.length);
  for (const [index, { what, intent, title }] of happenings.entries())
    if (what === "intent")
      chapters.append(element("option", { value: String(index), textContent: `${intent}. ${title}` }));

  onMoved = () => {
    if (next >= happenings.length) playing = false;
    position.value = String(next);
    position.setAttribute("aria-valuetext", `${next} of ${happenings.length}`);
    play.firstChild.textContent = playing ? "Pause" : "Play";
    const begun = [...chapters.options].filter(({ value }) => Number(value) < Math.max(next, 1));
    if (document.activeElement !== chapters) chapters.value = begun.at(-1)?.value ?? "0";
    document.body.dataset.state = next >= happenings.length ? "end" : playing ? "playing" : "paused";
  };
  const pause = () => {
    playing = false;
    clearTimeout(timer);
    timer = null;
  };
  play.addEventListener("click", () => {
    if (playing) {
      pause();
      return onMoved();
    }
    if (next >= happenings.length) jumpTo(0);
    playing = true;
    go();
  });
  byId("step").addEventListener("click", () => {
    pause();
    if (next < happenings.length) showNext();
    onMoved();
  });
  byId("restart").addEventListener("click", () => {
    jumpTo(0);
    caption("Press Play, or Step.");
    if (playing) go();
  });
  byId("end").addEventListener("click", () => {
    pause();
    jumpTo(happenings.length);
  });
  position.addEventListener("input", () => {
    pause();
    jumpTo(Number(position.value));
  });
  chapters.addEventListener("change", () => {
    jumpTo(Number(chapters.value));
    playing = true;
    go();
  });
  caption("Press Play, or Step.");
  if (still.matches) return onMoved();
  playing = true;
  go();
}

// The real thing

function openLive() {
  live = true;
  const buttons = [...document.querySelectorAll("[data-press]")];
  byId("buttons").hidden = false;
  byId("source").textContent =
    "All of it runs on this machine as you press: the provider and every agent are processes of their own. Nothing leaves it.";
  caption("Press a button. Both sides get the same agent and the same trouble.");
  playing = true;
  let pressed = false;
  let ended = false;

  onMoved = () => {
    const last = happenings[next - 1]?.what;
    const isOver = last === undefined || last === "settled" || last === "trouble";
    const busy = pressed || next < happenings.length || !isOver;
    for (const button of buttons) {
      const impossible = button.dataset.press === "retry" && shown.intents === 0;
      button.setAttribute("aria-disabled", String(busy || ended || impossible));
    }
    document.body.dataset.state = busy ? "playing" : "idle";
  };

  for (const button of buttons)
    button.addEventListener("click", async () => {
      if (button.getAttribute("aria-disabled") === "true") return;
      pressed = true;
      onMoved();
      const answer = await fetch(`/press/${button.dataset.press}`, { method: "POST" }).catch(() => null);
      if (answer?.status === 202) return; // the first thing that happens takes over
      pressed = false;
      caption(answer?.status === 409 ? "Another page is playing; one moment." : "The demo has ended.");
      onMoved();
    });

  const source = new EventSource("/happenings");
  let past = 0;
  source.addEventListener("past", ({ data }) => {
    if (happenings.length === 0) past = Number(data);
  });
  source.addEventListener("message", ({ data }) => {
    happenings.push(JSON.parse(data));
    pressed = false;
    if (happenings.length < past) return;
    if (happenings.length === past) jumpTo(past);
    else go();
  });
  source.addEventListener("open", () => {
    ended = false;
    onMoved();
  });
  source.addEventListener("error", () => {
    ended = true;
    caption("The demo has ended, or cannot be reached. Start it again with: onceguard demo --web");
    onMoved();
  });
  onMoved();
}

reset();
const recording = byId("recording");
if (recording) openRecording(JSON.parse(recording.textContent));
else openLive();
