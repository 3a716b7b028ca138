#!/usr/bin/env bash
# Starts a throwaway PostgreSQL cluster in folder $1, unless it runs, and prints its URL.
#
# Each test process holds a shared lock on $1/in-use while it lives. Starting and stopping happen under $1/lock. A watcher
# stops the cluster and removes it once nobody holds in-use; until then the cluster is shared by all processes.
set -euo pipefail

folder=$1
data=$folder/data
exec 9>"$folder/lock"
flock 9

bin=$({ find /usr/lib/postgresql /usr/local/pgsql -name initdb 2>/dev/null || true; } | sort -V | tail -n 1)
bin=${bin:-$(command -v initdb || true)}
if [ -z "$bin" ]; then
    echo "it is not installed; tests/run installs it, or set COPPICE_TEST_POSTGRES_URL" >&2
    exit 1
fi
bin=$(dirname "$(readlink -f "$bin")")

# PostgreSQL refuses to run as root.
as_user=()
[ "$(id -u)" != 0 ] || as_user=(runuser -u postgres --)
cd /

# With `restart MODE` the running cluster ends that way and starts again, with the same options.
if [ "${2:-}" = restart ]; then
    "${as_user[@]}" "$bin/pg_ctl" -D "$data" -l "$data/log" -m "$3" -w -t 60 restart >/dev/null 9>&-
    exit
fi

if [ -s "$folder/url" ] && "${as_user[@]}" "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; then
    cat "$folder/url"
    exit
fi

rm -rf "$data" "$folder/url"
mkdir -m 700 "$data"
[ "$(id -u)" != 0 ] || chown postgres "$data"
"${as_user[@]}" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
for _ in 1 2 3 4 5; do
    # A port that is free now may be taken when the server binds it: then another is tried.
    port=$((20000 + RANDOM % 12000))
    options="-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories= -c fsync=off -c full_page_writes=off"
    options+=" -c synchronous_commit=off -c max_connections=200"
    if "${as_user[@]}" "$bin/pg_ctl" -D "$data" -o "$options" -l "$data/log" -w -t 60 start >/dev/null 9>&-; then
        echo "postgres://postgres@127.0.0.1:$port/postgres" >"$folder/url"
        break
    fi
done
if [ ! -s "$folder/url" ]; then
    cat "$data/log" >&2
    exit 1
fi

(
    exec 9>&- 8>"$folder/lock" 7>"$folder/in-use"
    while sleep 15; do
        flock 8
        if flock -n 7; then
            "${as_user[@]}" "$bin/pg_ctl" -D "$data" -m immediate -w stop 7>&- 8>&- || true
            rm -rf "$data" "$folder/url"
            exit
        fi
        flock -u 8
    done
) </dev/null >/dev/null 2>&1 &

cat "$folder/url"
