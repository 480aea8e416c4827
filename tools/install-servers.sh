#!/usr/bin/env bash
# Installs the Debian packages that tests on real servers need, those that are
# missing. Where it cannot, it says so and succeeds: such tests then say SKIP.
set -euo pipefail

# program:package, or several packages
wanted=(
  clickhouse-server:clickhouse-server
  redis-server:redis-server
  postgres:postgresql
  mariadbd:mariadb-server
  rabbitmq-server:rabbitmq-server
  promtool:prometheus
  prometheus-alertmanager:prometheus-alertmanager
  unbound:unbound
  systemctl:systemd
  dbus-daemon:dbus
  docker-compose:docker-compose
  curl:curl
  "chromium:chromium fonts-dejavu-core"
)

PATH=$PATH:/usr/sbin:/sbin
for directory in /usr/lib/postgresql/*/bin; do
  PATH=$PATH:$directory
done
missing=()
for pair in "${wanted[@]}"; do
  # Unquoted: each package is a word of its own.
  command -v "${pair%%:*}" >/dev/null || missing+=(${pair#*:})
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "not a Debian: tests that need ${missing[*]} will be skipped" >&2
elif [ "$(id -u)" != 0 ]; then
  echo "not root: tests that need ${missing[*]} will be skipped; to have them, run: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
else
  export DEBIAN_FRONTEND=noninteractive
  echo "installing ${missing[*]}"
  if ! { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null; }; then
    echo "apt-get failed: tests that need ${missing[*]} will be skipped" >&2
  fi
fi
