#!/bin/sh
# Stands in for the aggregate sync: one finished run a minute, a day kept.
# Stop this container to watch the lag grow until the probe objects.
set -eu

while :; do
	psql --quiet --set ON_ERROR_STOP=1 <<'SQL'
INSERT INTO sync DEFAULT VALUES;
DELETE FROM sync WHERE finished_at < now() - interval '1 day';
SQL
	sleep 60
done
