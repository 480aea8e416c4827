-- The table whose rows the clickhouse probe counts.
CREATE TABLE IF NOT EXISTS ingest.events
(
    received_at DateTime64(3) DEFAULT now64(3),
    kind        LowCardinality(String),
    payload     String
)
ENGINE = MergeTree
ORDER BY received_at
TTL toDateTime(received_at) + INTERVAL 30 DAY;

INSERT INTO ingest.events (kind, payload) VALUES ('click', '{}'), ('pixel', '{}'), ('s2s', '{}');
