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

-- Append-only: one row per event of a request, written in the same commit as the transition.
CREATE TABLE log (
  seq            bigint GENERATED ALWAYS AS IDENTITY,
  tenant         text NOT NULL,
  request_id     text NOT NULL,
  event          text NOT NULL,
  state          text NOT NULL,
  version        bigint NOT NULL,
  fencing_token  bigint NOT NULL,
  attempt_number bigint NOT NULL,
  actor          text,
  detail         text,
  at             bigint NOT NULL
);

CREATE INDEX log_request ON log (request_id, tenant);

-- The secret that fingerprints are keyed with, made once. The store gives it: random() is not for secrets.
CREATE TABLE secret (
  only_one boolean PRIMARY KEY CHECK (only_one),
  secret   text NOT NULL
);
