-- +goose Up

-- One row: the stamp of the latest write, and how often targets were removed.
CREATE TABLE clock (
    stamp    INTEGER NOT NULL,
    removals INTEGER NOT NULL
);
INSERT INTO clock VALUES (0, 0);

-- An id is never given twice, so that nothing ever belongs to the wrong target.
CREATE TABLE targets (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    target  TEXT NOT NULL,
    UNIQUE (service, target)
);

-- Times of latest are in microseconds, all others in milliseconds.
CREATE TABLE latest (
    target      INTEGER PRIMARY KEY,
    stamp       INTEGER NOT NULL,
    result_at   INTEGER NOT NULL DEFAULT 0,
    result      TEXT    NOT NULL DEFAULT '',
    standing_at INTEGER NOT NULL DEFAULT 0,
    standing    TEXT    NOT NULL DEFAULT ''
);

-- status: 0 healthy, 1 degraded, 2 unhealthy. Latencies are in microseconds.
CREATE TABLE results (
    target  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    status  INTEGER NOT NULL,
    latency INTEGER NOT NULL,
    PRIMARY KEY (target, at)
) WITHOUT ROWID;

-- Results that were not healthy once more, with their messages: they are kept longer.
CREATE TABLE failures (
    target  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    status  INTEGER NOT NULL,
    latency INTEGER NOT NULL,
    message TEXT    NOT NULL,
    PRIMARY KEY (target, at)
) WITHOUT ROWID;

-- Sums of hours and of days. The latencies are those of probes that passed.
-- Time leads the keys: what is written together lies together.
CREATE TABLE hours (
    at          INTEGER NOT NULL,
    target      INTEGER NOT NULL,
    probes      INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    degraded    INTEGER NOT NULL,
    latency_sum INTEGER NOT NULL,
    latency_max INTEGER NOT NULL,
    PRIMARY KEY (at, target)
) WITHOUT ROWID;

CREATE TABLE days (
    at          INTEGER NOT NULL,
    target      INTEGER NOT NULL,
    probes      INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    degraded    INTEGER NOT NULL,
    latency_sum INTEGER NOT NULL,
    latency_max INTEGER NOT NULL,
    PRIMARY KEY (at, target)
) WITHOUT ROWID;

-- progress counts the entries that the timeline has had; resolved_at is 0 while
-- the incident is open.
CREATE TABLE incidents (
    id          TEXT    NOT NULL PRIMARY KEY,
    service     TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    severity    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    outcome     TEXT    NOT NULL,
    opened_at   INTEGER NOT NULL,
    resolved_at INTEGER NOT NULL,
    progress    INTEGER NOT NULL,
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
    at        INTEGER NOT NULL,
    outcome   TEXT    NOT NULL,
    rank      INTEGER NOT NULL,
    error     TEXT    NOT NULL,
    PRIMARY KEY (dedup_key, receiver)
) WITHOUT ROWID;
CREATE INDEX alerts_at ON alerts (at);
CREATE INDEX alerts_incident ON alerts (incident, at);
CREATE INDEX alerts_service ON alerts (service, at);
CREATE INDEX alerts_receiver ON alerts (receiver, at);

CREATE TABLE outboxes (
    receiver TEXT    NOT NULL PRIMARY KEY,
    at       INTEGER NOT NULL,
    record   TEXT    NOT NULL
);
