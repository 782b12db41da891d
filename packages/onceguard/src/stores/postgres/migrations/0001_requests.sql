-- One row per intended effect: who may execute it, how it stands, what came of it.
-- Narrow key, wide values left to TOAST. Room is kept on each page, so that the completion of a request finds place
-- beside it. All times are milliseconds since the epoch.
CREATE TABLE request (
  tenant           text NOT NULL,
  request_id       text NOT NULL,
  explicit_id      text,
  action           text NOT NULL,
  record_id        text,
  risk_tier        text NOT NULL,
  capability       text NOT NULL,
  key_source       text NOT NULL,
  fingerprint      text NOT NULL,
  payload          text,
  run_id           text,
  actor            text,
  host_scope       text,
  host_call_id     text,
  trace_id         text,
  amount           double precision,
  serialized       boolean NOT NULL,
  case_id          text,
  expected         text,
  key_id           text,
  state            text NOT NULL,
  conflict         boolean NOT NULL,
  may_have_applied boolean NOT NULL,
  fencing_token    bigint NOT NULL,
  generation       bigint NOT NULL,
  attempt_number   bigint NOT NULL,
  version          bigint NOT NULL,
  owner_token      text NOT NULL,
  result           text,
  result_omitted   text,
  failure          text,
  evidence         text,
  reason           text,
  route            text,
  hold             text,
  dispatched       boolean,
  created_at       bigint NOT NULL,
  updated_at       bigint NOT NULL,
  generation_at    bigint NOT NULL,
  attempt_ended_at bigint,
  due_at           bigint,
  -- The one atomic insert that decides who may execute conflicts here.
  PRIMARY KEY (request_id, tenant)
) WITH (fillfactor = 50);

-- A caller's own id stands for one intent, also where a business key took precedence over it.
CREATE UNIQUE INDEX request_explicit_id ON request (explicit_id, tenant) WHERE explicit_id IS NOT NULL;
-- What is still to happen: leases, retries, questions, reviews. Settled requests are not in it.
CREATE INDEX request_due ON request (state, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX request_newest ON request (created_at, request_id);

-- By record and by run, for the loop filter, budgets and the blast radius; only where a request has them.
CREATE INDEX request_record ON request (record_id, action, tenant) WHERE record_id IS NOT NULL;
CREATE INDEX request_run ON request (run_id, tenant) WHERE run_id IS NOT NULL;
-- For erasing a subject: the requests with private fields under its key.
CREATE INDEX request_key ON request (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX request_case ON request (case_id, tenant) WHERE case_id IS NOT NULL;
CREATE INDEX request_amount ON request (tenant, generation_at) WHERE amount IS NOT NULL;
-- One request at a time on a serialised record, whatever the code above believes.
CREATE UNIQUE INDEX request_turn ON request (record_id, tenant)
  WHERE serialized AND state = 'running';

-- Append-only: one row per event of a request, written in the same commit as the transition. state_before and
-- state_after are the business record as the action read it; retention takes them, and nothing else of a row.
CREATE TABLE log (
  seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant         text NOT NULL,
  request_id     text,
  event          text NOT NULL,
  action         text,
  record_id      text,
  run_id         text,
  actor          text,
  host_scope     text,
  host_call_id   text,
  trace_id       text,
  cause          text,
  state          text,
  version        bigint NOT NULL,
  fencing_token  bigint NOT NULL,
  attempt_number bigint NOT NULL,
  state_before   text,
  state_after    text,
  detail         text,
  at             bigint NOT NULL
);

CREATE INDEX log_request ON log (request_id, tenant);
CREATE INDEX log_record ON log (record_id, tenant) WHERE record_id IS NOT NULL;
CREATE INDEX log_run ON log (run_id, tenant) WHERE run_id IS NOT NULL;
-- Time goes with the place in the table, so that the ranges of blocks are all there is to remember.
CREATE INDEX log_at ON log USING brin (at);

-- The secret that fingerprints are keyed with, made once. The store gives it: random() is not for secrets.
CREATE TABLE secret (
  only_one boolean PRIMARY KEY CHECK (only_one),
  secret   text NOT NULL
);

-- What is stopped, and what was: a halt is in force while resumed_at is null.
CREATE TABLE halt (
  tenant        text NOT NULL,
  scope         text NOT NULL,
  id            text NOT NULL,
  reason        text NOT NULL,
  actor         text,
  halted_at     bigint NOT NULL,
  resumed_at    bigint,
  resumed_by    text,
  resume_reason text
);

CREATE UNIQUE INDEX halt_in_force ON halt (tenant, scope, id) WHERE resumed_at IS NULL;

-- Those who wait for their turn on a record, in order of arrival. A place lapses when nobody asks for it.
CREATE TABLE turn (
  record_id  text NOT NULL,
  tenant     text NOT NULL,
  request_id text NOT NULL,
  seq        bigint NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (record_id, tenant, request_id)
);

-- Finality cases: evidence and rules as JSON, changed by compare-and-set of the version.
CREATE TABLE finality_case (
  tenant     text NOT NULL,
  id         text NOT NULL,
  value      text NOT NULL,
  policy     text NOT NULL,
  version    bigint NOT NULL,
  updated_at bigint NOT NULL,
  PRIMARY KEY (tenant, id)
);

-- What people still have to be told; written in the commit of what it tells, and deleted once it is delivered.
CREATE TABLE notification (
  id         text PRIMARY KEY,
  kind       text NOT NULL,
  route      text NOT NULL,
  tenant     text NOT NULL,
  request_id text,
  action     text,
  record_id  text,
  run_id     text,
  reason     text,
  at         bigint NOT NULL,
  due_at     bigint NOT NULL,
  deliveries bigint NOT NULL
);

CREATE INDEX notification_due ON notification (due_at);

-- A store that was put back to a backup begins a new epoch; it is in force while ended_at is null.
CREATE TABLE epoch (
  number      bigint PRIMARY KEY,
  backup_at   bigint NOT NULL,
  restored_at bigint NOT NULL,
  until_at    bigint,
  actor       text NOT NULL,
  reason      text NOT NULL,
  ended_at    bigint,
  ended_by    text,
  end_reason  text
);

-- Locked by whoever decides on a record, a run or a budget, so that two of them do not decide at once.
CREATE TABLE gate (
  name       text PRIMARY KEY,
  touched_at bigint NOT NULL
);
