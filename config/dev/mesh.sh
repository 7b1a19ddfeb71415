# The pieces of the local mesh, for config/dev/up and config/dev/down. Everything it makes is in .run/; sourced, not run.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
run=$root/.run
bin=${FURROW_BIN:-$root/build/dev/services}
services=(employee location job timesheet)
export FURROW_TIME_ZONE=${FURROW_TIME_ZONE:-America/Los_Angeles}

say()
{
    printf '\n\033[1m%s\033[0m\n' "$*"
}

die()
{
    echo "$*" >&2
    exit 1
}

running()
{
    [ -s "$run/$1.pid" ] && kill -0 "$(cat "$run/$1.pid")" 2>/dev/null
}

# start NAME COMMAND…: in the background, on its own, with its log in .run/NAME.log
start()
{
    local name=$1
    shift
    setsid "$@" >>"$run/$name.log" 2>&1 </dev/null &
    echo $! >"$run/$name.pid"
    disown # whatever becomes of it is in its log, not on our terminal
}

stop()
{
    running "$1" || return 0
    kill "$2" "$(cat "$run/$1.pid")" 2>/dev/null
    for _ in $(seq 150); do
        running "$1" || break
        sleep 0.1
    done
    rm -f "$run/$1.pid"
}

free_port()
{
    local port=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}

# Ports, keys and configuration, made once and kept.
prepare()
{
    mkdir -p "$run/nats" "$run/redis"
    chmod 700 "$run"
    [ -s "$run/nats.port" ] || free_port "${FURROW_DEV_NATS_PORT:-4222}" >"$run/nats.port"
    [ ! -e "$run/employee.seal" ] || die "$run is of a mesh without keys of its own: config/dev/down --wipe, then again"
    furrow keys "$run/keys"
    (umask 077 && furrow permissions --format nats --keys "$run/keys" >"$run/accounts.conf" &&
        furrow permissions --format redis --keys "$run/keys" >"$run/redis.acl")
    cat >"$run/nats.conf" <<CONF
listen: "127.0.0.1:$(cat "$run/nats.port")"
server_name: furrow-dev
jetstream { store_dir: "$run/nats" }
include accounts.conf
CONF
    cat >"$run/redis.conf" <<CONF
port 0
unixsocket $run/redis.sock
unixsocketperm 700
aclfile $run/redis.acl
dir $run/redis
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
CONF
    cat >"$run/env" <<ENV
# The local mesh as its operator, for the nats CLI and for furrow: . .run/env
export NATS_URL=nats://127.0.0.1:$(cat "$run/nats.port") NATS_NKEY=$run/keys/operator.nk
export FURROW_NATS_URL=\$NATS_URL FURROW_NATS_NKEY=\$NATS_NKEY
case :\$PATH: in *:$bin/cli:*) ;; *) export PATH=\$PATH:$bin/cli ;; esac
ENV
    export FURROW_NATS_URL=nats://127.0.0.1:$(cat "$run/nats.port")
    export FURROW_NATS_NKEY=$run/keys/operator.nk # the tool's; each service has its own
    export FURROW_REDIS_URL=unix://$run/redis.sock
}

start_servers()
{
    local nats_server
    nats_server=$(command -v nats-server || echo /usr/sbin/nats-server)
    running nats || start nats "$nats_server" -c "$run/nats.conf"
    running redis || start redis redis-server "$run/redis.conf"
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$(cat "$run/nats.port")") 2>/dev/null && redis_cli ping >/dev/null 2>&1 && return 0
        running nats || die "nats-server ended; see $run/nats.log"
        running redis || die "redis-server ended; see $run/redis.log"
        sleep 0.1
    done
    die "nats-server or redis-server does not answer; see $run/nats.log and $run/redis.log"
}

redis_cli()
{
    REDISCLI_AUTH=$(cat "$run/keys/operator.redis") redis-cli -s "$run/redis.sock" --user operator "$@"
}

start_service()
{
    local name=$1 settings
    running "$name" && return 0
    settings=(FURROW_NATS_NKEY="$run/keys/$name.nk" FURROW_REDIS_USER="$name" FURROW_REDIS_PASSWORD_FILE="$run/keys/$name.redis")
    [ ! -e "$run/keys/$name.seal" ] || settings+=(FURROW_SEAL_KEY_FILE="$run/keys/$name.seal")
    (export "${settings[@]}" && start "$name" "$bin/$name")
}

furrow()
{
    "$bin/cli/furrow" "$@"
}
