-- One row per intended effect: who may execute it, how it stands, what came of it.
-- An ordinary rowid table with a unique index: faster for wide rows than WITHOUT ROWID, and rowid order is the order
-- of creation, so that lists need no index of their own.
-- All times are milliseconds since the epoch.
CREATE TABLE onceguard_request (
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

-- Append-only: one row per event of a request, written in the same commit as the transition. Clustered by request, so
-- that an event touches one page instead of a table's and an index's.
CREATE TABLE onceguard_log (
  request_id     TEXT NOT NULL,
  tenant         TEXT NOT NULL,
  seq            INTEGER NOT NULL,
  event          TEXT NOT NULL,
  state          TEXT NOT NULL,
  version        INTEGER NOT NULL,
  fencing_token  INTEGER NOT NULL,
  attempt_number INTEGER NOT NULL,
  actor          TEXT,
  detail         TEXT,
  at             INTEGER NOT NULL,
  PRIMARY KEY (request_id, tenant, seq)
) STRICT, WITHOUT ROWID;

-- The secret that fingerprints are keyed with, made once.
CREATE TABLE onceguard_secret (
  only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
  secret   TEXT NOT NULL
) STRICT;

INSERT INTO onceguard_secret (only_one, secret) VALUES (1, lower(hex(randomblob(32))));
