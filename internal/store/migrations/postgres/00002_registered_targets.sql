-- +goose Up

-- The stamp of the latest change of what is registered: who has seen it has
-- seen all of them.
ALTER TABLE clock ADD COLUMN registered BIGINT NOT NULL DEFAULT 0;

-- Targets that were registered by the API. Times are in milliseconds.
CREATE TABLE registered (
    service    TEXT    NOT NULL,
    target     TEXT    NOT NULL,
    labels     TEXT    NOT NULL,
    version    BIGINT  NOT NULL,
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (service, target)
);

-- Answers to requests with an idempotency key.
CREATE TABLE remembered (
    id     TEXT    NOT NULL PRIMARY KEY,
    at     BIGINT  NOT NULL,
    record TEXT    NOT NULL
);
CREATE INDEX remembered_at ON remembered (at);
