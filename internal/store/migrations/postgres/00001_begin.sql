-- +goose Up

-- Rows that change often have room beside them, so that no index changes with them.

-- One row: the stamp of the latest write, and how often targets were removed.
CREATE TABLE clock (
    stamp    BIGINT  NOT NULL,
    removals BIGINT  NOT NULL
) WITH (fillfactor = 50);
INSERT INTO clock VALUES (0, 0);

-- An id is never given twice, so that nothing ever belongs to the wrong target.
CREATE TABLE targets (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service TEXT NOT NULL,
    target  TEXT NOT NULL,
    UNIQUE (service, target)
);

-- Times of latest are in microseconds, all others in milliseconds.
CREATE TABLE latest (
    target      BIGINT  PRIMARY KEY,
    stamp       BIGINT  NOT NULL,
    result_at   BIGINT  NOT NULL DEFAULT 0,
    result      TEXT    NOT NULL DEFAULT '',
    standing_at BIGINT  NOT NULL DEFAULT 0,
    standing    TEXT    NOT NULL DEFAULT ''
) WITH (fillfactor = 50);

-- status: 0 healthy, 1 degraded, 2 unhealthy. Latencies are in microseconds.
CREATE TABLE results (
    target  BIGINT  NOT NULL,
    at      BIGINT  NOT NULL,
    status  BIGINT  NOT NULL,
    latency BIGINT  NOT NULL,
    PRIMARY KEY (target, at)
);

-- Results that were not healthy once more, with their messages: they are kept longer.
CREATE TABLE failures (
    target  BIGINT  NOT NULL,
    at      BIGINT  NOT NULL,
    status  BIGINT  NOT NULL,
    latency BIGINT  NOT NULL,
    message TEXT    NOT NULL,
    PRIMARY KEY (target, at)
);

-- Sums of hours and of days. The latencies are those of probes that passed.
-- Time leads the keys: what is written together lies together.
CREATE TABLE hours (
    at          BIGINT  NOT NULL,
    target      BIGINT  NOT NULL,
    probes      BIGINT  NOT NULL,
    failed      BIGINT  NOT NULL,
    degraded    BIGINT  NOT NULL,
    latency_sum BIGINT  NOT NULL,
    latency_max BIGINT  NOT NULL,
    PRIMARY KEY (at, target)
) WITH (fillfactor = 80);

CREATE TABLE days (
    at          BIGINT  NOT NULL,
    target      BIGINT  NOT NULL,
    probes      BIGINT  NOT NULL,
    failed      BIGINT  NOT NULL,
    degraded    BIGINT  NOT NULL,
    latency_sum BIGINT  NOT NULL,
    latency_max BIGINT  NOT NULL,
    PRIMARY KEY (at, target)
) WITH (fillfactor = 80);

-- progress counts the entries that the timeline has had; resolved_at is 0 while
-- the incident is open.
CREATE TABLE incidents (
    id          TEXT    NOT NULL PRIMARY KEY,
    service     TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    severity    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    opened_at   BIGINT  NOT NULL,
    resolved_at BIGINT  NOT NULL,
    progress    BIGINT  NOT NULL,
    record      TEXT    NOT NULL
);
CREATE INDEX incidents_opened ON incidents (opened_at, id);
CREATE INDEX incidents_service ON incidents (service, opened_at, id);
CREATE INDEX incidents_open ON incidents (opened_at, id) WHERE resolved_at = 0;
CREATE INDEX incidents_closed ON incidents (opened_at, id, resolved_at) WHERE resolved_at > 0;

-- rank orders outcomes of the same time: retrying, dead, delivered.
CREATE TABLE alerts (
    dedup_key TEXT    NOT NULL,
    receiver  TEXT    NOT NULL,
    service   TEXT    NOT NULL,
    incident  TEXT    NOT NULL,
    status    TEXT    NOT NULL,
    stage     TEXT    NOT NULL,
    at        BIGINT  NOT NULL,
    outcome   TEXT    NOT NULL,
    rank      BIGINT  NOT NULL,
    error     TEXT    NOT NULL,
    PRIMARY KEY (dedup_key, receiver)
);
CREATE INDEX alerts_at ON alerts (at);
CREATE INDEX alerts_incident ON alerts (incident, at);
CREATE INDEX alerts_service ON alerts (service, at);
CREATE INDEX alerts_receiver ON alerts (receiver, at);

CREATE TABLE outboxes (
    receiver TEXT    NOT NULL PRIMARY KEY,
    at       BIGINT  NOT NULL,
    record   TEXT    NOT NULL
);
