# The pieces of the local mesh, for config/dev/up and config/dev/down; sourced, not run. Settings, for two meshes at once or programs
# from elsewhere:
#   FURROW_RUN            where all that it makes is (.run/)
#   FURROW_BIN            the services, and the tool in cli/ (build/dev/services, built first)
#   FURROW_NATS_SERVER    nats-server (the one in PATH)
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
run=$(realpath -m "${FURROW_RUN:-$root/.run}")
bin=$(realpath -m "${FURROW_BIN:-$root/build/dev/services}")
services=(employee location job timesheet)
unset FURROW_REDIS_PASSWORD_FILE # of a shell that read .run/env, and the mesh was wiped since
export FURROW_TIME_ZONE=${FURROW_TIME_ZONE:-America/Los_Angeles}

# A heading: bold on a terminal, unless NO_COLOR (https://no-color.org) or a terminal that cannot.
say()
{
    if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
        printf '\n\033[1m%s\033[0m\n' "$*"
    else
        printf '\n%s\n' "$*"
    fi
}

die()
{
    echo "$*" >&2
    exit 1
}

# The folder may be anywhere, and --wipe removes it whole: never one with something of somebody else's in it.
own_run()
{
    [ -e "$run/nats.port" ] || [ -z "$(ls -A "$run" 2>/dev/null)" ] ||
        die "FURROW_RUN: $run has other files in it: name a new folder, or an empty one"
}

# Processes. Of each, .run/NAME.pid has the id and .run/NAME.as what tells it from others:
#   line 1   when it began, and in which life of the machine: the same id a second time is another process
#   line 2   what it was started as: see fingerprint

# began PID: when the process began, or nothing if there is none. A zombie is none: who should reap it may never do so.
began()
{
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 0
    # "pid (name) state …": the name may have anything in it, blanks and brackets too. The state is the 1st, the start the 20th after it.
    read -r -a stat <<<"${stat##*) }"
    case ${stat[0]} in [ZXx]) return 0 ;; esac
    echo "$(cat /proc/sys/kernel/random/boot_id) ${stat[19]}"
}

# running NAME: is the process alive that was started as NAME, and no other that has its id by now?
running()
{
    local pid as
    pid=$(cat "$run/$1.pid" 2>/dev/null) && as=$(head -n 1 "$run/$1.as" 2>/dev/null) && [ -n "$as" ] && [ "$(began "$pid")" = "$as" ]
}

# fingerprint PROGRAM FILE…: what a process depends on: its program and the files that configure it, their names and what is in them.
fingerprint()
{
    sha256sum "$@" | sha256sum
}

# ensure NAME FILE… -- PROGRAM ARGUMENT…: runs, as built and configured now. FILE…: what else it reads when it starts. What runs but was
# built or configured anew since is stopped and started again. In the background, on its own, with its log in .run/NAME.log.
ensure()
{
    local name=$1 files=() as
    shift
    while [ "$1" != -- ]; do files+=("$1"); shift; done
    shift
    as=$(fingerprint "$1" "${files[@]}")
    if running "$name"; then
        [ "$(sed -n 2p "$run/$name.as")" != "$as" ] || return 0
        echo "$name: built or configured anew, started again"
        stop "$name" -TERM
    fi
    start "$name" "$@"
    { began "$(cat "$run/$name.pid")"; echo "$as"; } >"$run/$name.as"
}

# start NAME COMMAND…: as a daemon: a session of its own, and nothing open but its log, or who waits for the end of a pipe or for a lock
# of our caller's would wait for the daemon.
start()
{
    local name=$1 fd
    shift
    (
        for fd in /proc/self/fd/*; do
            fd=${fd##*/}
            [ "$fd" -le 2 ] || eval "exec $fd>&-"
        done
        exec setsid "$@"
    ) >>"$run/$name.log" 2>&1 </dev/null &
    echo $! >"$run/$name.pid"
    disown # whatever becomes of it is in its log, not on our terminal
}

# stop NAME SIGNAL: returns when it is gone.
stop()
{
    if running "$1"; then
        kill "$2" "$(cat "$run/$1.pid")" 2>/dev/null
        for _ in $(seq 150); do
            running "$1" || break
            sleep 0.1
        done
        ! running "$1" || die "$1 (process $(cat "$run/$1.pid")) does not end on SIG${2#-}; its log is $run/$1.log"
    fi
    rm -f "$run/$1.pid" "$run/$1.as"
}

free_port()
{
    local port=$1
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port"
}

# How much a client may hold others up, for every nats.conf that we write.
nats_limits()
{
    cat <<'CONF'
# A client that does not read what it asked for makes others wait: who writes to it waits for its socket. After 2 s, not 10, it is cut off;
# it may connect again. max_pending is what may wait for one client: the 4,000 events that a service asks for at once, of 8 KB each.
write_deadline: "2s"
max_pending: 32MB
# A client that is gone without a word, or whose connection went dark, is found within 4 s, not 6 minutes, and gets no more calls.
ping_interval: "1s"
ping_max: 2
CONF
}

# The same for every redis.conf: a client asks several times a second.
redis_limits()
{
    cat <<'CONF'
timeout 4
tcp-keepalive 1
CONF
}

# Ports, keys and configuration, made once and kept.
prepare()
{
    own_run
    mkdir -p "$run"
    [ -s "$run/nats.port" ] || free_port "${FURROW_DEV_NATS_PORT:-4222}" >"$run/nats.port"
    mkdir -p "$run/nats" "$run/redis"
    chmod 700 "$run"
    [ ! -e "$run/employee.seal" ] || die "$run is of a mesh without keys of its own: config/dev/down --wipe, then again"
    furrow keys "$run/keys"
    (umask 077 && furrow permissions --format nats --keys "$run/keys" >"$run/accounts.conf" &&
        furrow permissions --format redis --keys "$run/keys" >"$run/redis.acl")
    cat >"$run/nats.conf" <<CONF
listen: "127.0.0.1:$(cat "$run/nats.port")"
server_name: furrow-dev
jetstream { store_dir: "$run/nats" }
include accounts.conf
$(nats_limits)
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
lazyfree-lazy-user-del yes
lazyfree-lazy-server-del yes
$(redis_limits)
CONF
    cat >"$run/env" <<ENV
# The local mesh as its operator, for the nats CLI and for furrow: . .run/env
export NATS_URL=nats://127.0.0.1:$(cat "$run/nats.port") NATS_NKEY=$run/keys/operator.nk
export FURROW_NATS_URL=\$NATS_URL FURROW_NATS_NKEY=\$NATS_NKEY
export FURROW_REDIS_URL=unix://$run/redis.sock FURROW_REDIS_USER=operator FURROW_REDIS_PASSWORD_FILE=$run/keys/operator.redis
case :\$PATH: in *:$bin/cli:*) ;; *) export PATH=\$PATH:$bin/cli ;; esac
ENV
    export FURROW_NATS_URL=nats://127.0.0.1:$(cat "$run/nats.port")
    export FURROW_NATS_NKEY=$run/keys/operator.nk # the tool's; each service has its own
    export FURROW_REDIS_URL=unix://$run/redis.sock FURROW_REDIS_USER=operator FURROW_REDIS_PASSWORD_FILE=$run/keys/operator.redis
}

start_servers()
{
    local nats_server
    nats_server=${FURROW_NATS_SERVER:-$(command -v nats-server || echo /usr/sbin/nats-server)}
    ensure nats "$run/nats.conf" "$run/accounts.conf" -- "$nats_server" -c "$run/nats.conf"
    ensure redis "$run/redis.conf" "$run/redis.acl" -- "$(command -v redis-server)" "$run/redis.conf"
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
    settings=(FURROW_NATS_NKEY="$run/keys/$name.nk" FURROW_NATS_LOG_NKEY="$run/keys/$name.log.nk"
        FURROW_REDIS_USER="$name" FURROW_REDIS_PASSWORD_FILE="$run/keys/$name.redis" FURROW_HASH_KEY_FILE="$run/keys/$name.secret")
    [ ! -e "$run/keys/$name.seal" ] || settings+=(FURROW_SEAL_KEY_FILE="$run/keys/$name.seal")
    # Its settings are a file too, of which a change is seen.
    (export "${settings[@]}" && env | grep '^FURROW_' | sort >"$run/$name.env" &&
        ensure "$name" "$run/$name.env" "$run/keys/$name".* -- "$bin/$name")
}

furrow()
{
    "$bin/cli/furrow" "$@"
}
