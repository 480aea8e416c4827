#!/bin/sh
# Creates Temporal's two databases and brings their schemas up to date.
# Every step may be repeated. SQL_* variables say where and who.
set -eu

schemas=/etc/temporal/schema/postgresql/v12

setup() {
	database=$1
	versions=$2
	temporal-sql-tool --database "$database" create
	temporal-sql-tool --database "$database" setup-schema --version 0.0
	temporal-sql-tool --database "$database" update-schema --schema-dir "$versions"
}

setup temporal "$schemas/temporal/versioned"
setup temporal_visibility "$schemas/visibility/versioned"
