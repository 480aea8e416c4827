#!/bin/sh
# Supabase's roles and the table that the aggregate sync writes its progress to.
# Runs once, when the database is created.
set -eu

psql --set ON_ERROR_STOP=1 --set password="$AUTHENTICATOR_PASSWORD" \
	--username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
-- PostgREST logs in as authenticator and acts as anon.
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticator NOINHERIT LOGIN PASSWORD :'password';
GRANT anon TO authenticator;

CREATE TABLE sync (
	id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	finished_at timestamptz NOT NULL DEFAULT now(),
	rows_synced bigint      NOT NULL DEFAULT 0
);
CREATE INDEX ON sync (finished_at DESC);
INSERT INTO sync DEFAULT VALUES;

ALTER TABLE sync ENABLE ROW LEVEL SECURITY;
CREATE POLICY sync_is_readable ON sync FOR SELECT TO anon USING (true);
GRANT SELECT ON sync TO anon;
SQL
