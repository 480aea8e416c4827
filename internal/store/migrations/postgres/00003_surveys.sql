-- +goose Up

-- What many targets of a service were found to be, in one record; code is read
-- by paramedic alone. Records of an hour are folded into packs and sums of its
-- targets once it is over.
CREATE TABLE surveys (
    id      BIGINT  PRIMARY KEY,
    stamp   BIGINT  NOT NULL,
    service TEXT    NOT NULL,
    hour    BIGINT  NOT NULL,
    code    BYTEA   NOT NULL
);
CREATE INDEX surveys_stamp ON surveys (stamp);
CREATE INDEX surveys_hour ON surveys (hour, service);

-- The single results of a target in an hour.
CREATE TABLE packs (
    target BIGINT  NOT NULL,
    at     BIGINT  NOT NULL,
    code   BYTEA   NOT NULL,
    PRIMARY KEY (target, at)
);

-- Sums of minutes, of services with targets; and sums of hours and of days, of
-- the targets: nobody asks for those of all at once, so that the target leads.
CREATE TABLE minutes (
    target      BIGINT  NOT NULL,
    at          BIGINT  NOT NULL,
    probes      BIGINT  NOT NULL,
    failed      BIGINT  NOT NULL,
    degraded    BIGINT  NOT NULL,
    latency_sum BIGINT  NOT NULL,
    latency_max BIGINT  NOT NULL,
    PRIMARY KEY (target, at)
);

CREATE TABLE target_hours (
    target      BIGINT  NOT NULL,
    at          BIGINT  NOT NULL,
    probes      BIGINT  NOT NULL,
    failed      BIGINT  NOT NULL,
    degraded    BIGINT  NOT NULL,
    latency_sum BIGINT  NOT NULL,
    latency_max BIGINT  NOT NULL,
    PRIMARY KEY (target, at)
);

CREATE TABLE target_days (
    target      BIGINT  NOT NULL,
    at          BIGINT  NOT NULL,
    probes      BIGINT  NOT NULL,
    failed      BIGINT  NOT NULL,
    degraded    BIGINT  NOT NULL,
    latency_sum BIGINT  NOT NULL,
    latency_max BIGINT  NOT NULL,
    PRIMARY KEY (target, at)
);
