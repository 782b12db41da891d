-- One row per intended effect: who may execute it, how it stands, what came of it.
-- An ordinary rowid table with a unique index: faster for wide rows than WITHOUT ROWID, and rowid order is the order
-- of creation, so that lists need no index of their own.
-- All times are milliseconds since the epoch.
CREATE TABLE onceguard_request (
  id               INTEGER PRIMARY KEY,
  tenant           TEXT NOT NULL,
  request_id       TEXT NOT NULL,
  explicit_id      TEXT,
  action           TEXT NOT NULL,
  record_id        TEXT,
  risk_tier        TEXT NOT NULL,
  capability       TEXT NOT NULL,
  key_source       TEXT NOT NULL,
  fingerprint      TEXT NOT NULL,
  payload          TEXT,
  run_id           TEXT,
  actor            TEXT,
  host_scope       TEXT,
  host_call_id     TEXT,
  trace_id         TEXT,
  amount           REAL,
  serialized       INTEGER NOT NULL,
  case_id          TEXT,
  expected         TEXT,
  key_id           TEXT,
  state            TEXT NOT NULL,
  conflict         INTEGER NOT NULL,
  may_have_applied INTEGER NOT NULL,
  fencing_token    INTEGER NOT NULL,
  generation       INTEGER NOT NULL,
  attempt_number   INTEGER NOT NULL,
  version          INTEGER NOT NULL,
  owner_token      TEXT NOT NULL,
  result           TEXT,
  result_omitted   TEXT,
  failure          TEXT,
  evidence         TEXT,
  reason           TEXT,
  route            TEXT,
  hold             TEXT,
  dispatched       INTEGER,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  generation_at    INTEGER NOT NULL,
  attempt_ended_at INTEGER,
  due_at           INTEGER
) STRICT;

-- The one atomic insert that decides who may execute conflicts here.
CREATE UNIQUE INDEX onceguard_request_id ON onceguard_request (request_id, tenant);
-- A caller's own id stands for one intent, also where a business key took precedence over it.
CREATE UNIQUE INDEX onceguard_request_explicit_id ON onceguard_request (explicit_id, tenant) WHERE explicit_id IS NOT NULL;
-- What is still to happen: leases, retries, questions, reviews. Settled requests are not in it.
CREATE INDEX onceguard_request_due ON onceguard_request (state, due_at) WHERE due_at IS NOT NULL;

-- By record and by run, for the loop filter, budgets and the blast radius; only where a request has them.
CREATE INDEX onceguard_request_record ON onceguard_request (record_id, action, tenant) WHERE record_id IS NOT NULL;
CREATE INDEX onceguard_request_run ON onceguard_request (run_id, tenant) WHERE run_id IS NOT NULL;
-- For erasing a subject: the requests with private fields under its key.
CREATE INDEX onceguard_request_key ON onceguard_request (key_id) WHERE key_id IS NOT NULL;
CREATE INDEX onceguard_request_case ON onceguard_request (case_id, tenant) WHERE case_id IS NOT NULL;
CREATE INDEX onceguard_request_amount ON onceguard_request (tenant, generation_at) WHERE amount IS NOT NULL;
-- One request at a time on a serialised record, whatever the code above believes.
CREATE UNIQUE INDEX onceguard_request_turn ON onceguard_request (record_id, tenant)
  WHERE serialized = 1 AND state = 'running';

-- Append-only: one row per event of a request, written in the same commit as the transition. state_before and
-- state_after are the business record as the action read it; retention takes them, and nothing else of a row.
-- In the order of writing, so that it can be followed, and sealed.
-- `request` is the id of the request's row: in the order of writing, too, so that its index grows at one end. An index by
-- request id would be written to all over, and cost a third of every execution.
CREATE TABLE onceguard_log (
  seq            INTEGER PRIMARY KEY,
  request        INTEGER,
  tenant         TEXT NOT NULL,
  request_id     TEXT,
  event          TEXT NOT NULL,
  action         TEXT,
  record_id      TEXT,
  run_id         TEXT,
  actor          TEXT,
  host_scope     TEXT,
  host_call_id   TEXT,
  trace_id       TEXT,
  cause          TEXT,
  state          TEXT,
  version        INTEGER NOT NULL,
  fencing_token  INTEGER NOT NULL,
  attempt_number INTEGER NOT NULL,
  state_before   TEXT,
  state_after    TEXT,
  detail         TEXT,
  at             INTEGER NOT NULL
) STRICT;

CREATE INDEX onceguard_log_request ON onceguard_log (request) WHERE request IS NOT NULL;
-- Lines about calls that have no record: skipped, refused, proposed.
CREATE INDEX onceguard_log_request_id ON onceguard_log (request_id, tenant) WHERE request IS NULL;
CREATE INDEX onceguard_log_record ON onceguard_log (record_id, tenant) WHERE record_id IS NOT NULL;
CREATE INDEX onceguard_log_run ON onceguard_log (run_id, tenant) WHERE run_id IS NOT NULL;

-- The secret that fingerprints are keyed with, made once.
CREATE TABLE onceguard_secret (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  secret   TEXT NOT NULL
) STRICT;

INSERT INTO onceguard_secret (only_one, secret) VALUES (1, lower(hex(randomblob(32))));

-- What is stopped, and what was: a halt is in force while resumed_at is null.
CREATE TABLE onceguard_halt (
  tenant        TEXT NOT NULL,
  scope         TEXT NOT NULL,
  id            TEXT NOT NULL,
  reason        TEXT NOT NULL,
  actor         TEXT,
  halted_at     INTEGER NOT NULL,
  resumed_at    INTEGER,
  resumed_by    TEXT,
  resume_reason TEXT
) STRICT;

CREATE UNIQUE INDEX onceguard_halt_in_force ON onceguard_halt (tenant, scope, id) WHERE resumed_at IS NULL;

-- Those who wait for their turn on a record, in order of arrival. A place lapses when nobody asks for it.
CREATE TABLE onceguard_turn (
  record_id  TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  request_id TEXT NOT NULL,
  seq        INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (record_id, tenant, request_id)
) STRICT;

-- Finality cases: evidence and rules as JSON, changed by compare-and-set of the version.
CREATE TABLE onceguard_finality_case (
  tenant     TEXT NOT NULL,
  id         TEXT NOT NULL,
  value      TEXT NOT NULL,
  policy     TEXT NOT NULL,
  version    INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, id)
) STRICT;

-- What people still have to be told; written in the commit of what it tells, and deleted once it is delivered.
CREATE TABLE onceguard_notification (
  id         TEXT PRIMARY KEY,
  kind       TEXT NOT NULL,
  route      TEXT NOT NULL,
  tenant     TEXT NOT NULL,
  request_id TEXT,
  action     TEXT,
  record_id  TEXT,
  run_id     TEXT,
  reason     TEXT,
  at         INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  deliveries INTEGER NOT NULL
) STRICT;

CREATE INDEX onceguard_notification_due ON onceguard_notification (due_at);

-- A store that was put back to a backup begins a new epoch; it is in force while ended_at is null.
CREATE TABLE onceguard_epoch (
  number      INTEGER PRIMARY KEY,
  backup_at   INTEGER NOT NULL,
  restored_at INTEGER NOT NULL,
  until_at    INTEGER,
  actor       TEXT NOT NULL,
  reason      TEXT NOT NULL,
  ended_at    INTEGER,
  ended_by    TEXT,
  end_reason  TEXT
) STRICT;
