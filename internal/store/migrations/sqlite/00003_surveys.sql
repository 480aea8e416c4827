-- +goose Up

-- What many targets of a service were found to be, in one record; code is read
-- by paramedic alone. Records of an hour are folded into packs and sums of its
-- targets once it is over.
CREATE TABLE surveys (
    id      INTEGER PRIMARY KEY,
    stamp   INTEGER NOT NULL,
    service TEXT    NOT NULL,
    hour    INTEGER NOT NULL,
    code    BLOB    NOT NULL
);
CREATE INDEX surveys_stamp ON surveys (stamp);
CREATE INDEX surveys_hour ON surveys (hour, service);

-- The single results of a target in an hour.
CREATE TABLE packs (
    target INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    code   BLOB    NOT NULL,
    PRIMARY KEY (target, at)
) WITHOUT ROWID;

-- Sums of minutes, of services with targets; and sums of hours and of days, of
-- the targets: nobody asks for those of all at once, so that the target leads.
CREATE TABLE minutes (
    target      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    probes      INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    degraded    INTEGER NOT NULL,
    latency_sum INTEGER NOT NULL,
    latency_max INTEGER NOT NULL,
    PRIMARY KEY (target, at)
) WITHOUT ROWID;

CREATE TABLE target_hours (
    target      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    probes      INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    degraded    INTEGER NOT NULL,
    latency_sum INTEGER NOT NULL,
    latency_max INTEGER NOT NULL,
    PRIMARY KEY (target, at)
) WITHOUT ROWID;

CREATE TABLE target_days (
    target      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    probes      INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    degraded    INTEGER NOT NULL,
    latency_sum INTEGER NOT NULL,
    latency_max INTEGER NOT NULL,
    PRIMARY KEY (target, at)
) WITHOUT ROWID;
