# The pieces of the local mesh, for config/dev/up, down and join; sourced, not run. Settings, for two meshes at once or programs from
# elsewhere:
#   FURROW_RUN            where all that it makes is (.run/)
#   FURROW_BIN            the services, the tool in cli/, the farm's own in farm/, contracts in lib/ (build/dev/services, built first)
#   FURROW_NATS_SERVER    nats-server (the one in PATH)
#   PAYROLL_RULES         what payroll pays by (the sample in config/rules)
#   FURROW_CONTRACTS      contracts of services of one's own; kept until it is set again, also to nothing
export LC_ALL=C.UTF-8 # what others print is read here
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
run=$(realpath -m "${FURROW_RUN:-$root/.run}")
bin=$(realpath -m "${FURROW_BIN:-$root/build/dev/services}")
mapfile -t services < <(grep "^[a-z]" "$root/services/list")
# Where another mesh is, or this one was before it was wiped, and as whom: of a shell that read some .run/env, or works with the nats CLI.
for variable in "${!NATS_@}" "${!FURROW_NATS_@}" FURROW_DEV FURROW_REDIS_URL FURROW_REDIS_USER FURROW_REDIS_PASSWORD FURROW_REDIS_PASSWORD_FILE; do
    [ "$variable" = FURROW_NATS_SERVER ] || unset "$variable"
done
. "$root/config/dev/joined.sh"
# absolute PATHS: with ":" between them; we work in another folder than our caller's.
absolute()
{
    local path paths
    IFS=: read -r -a paths <<<"$1"
    for path in "${paths[@]}"; do [ -z "$path" ] || realpath -m "$path"; done | paste -s -d :
}
[ -z "${FURROW_CONTRACTS+set}" ] || FURROW_CONTRACTS=$(absolute "$FURROW_CONTRACTS")
export FURROW_TIME_ZONE=${FURROW_TIME_ZONE:-America/Los_Angeles}
PAYROLL_RULES=$(realpath -m "${PAYROLL_RULES:-$root/config/rules/us-ca-agriculture.json}")
export PAYROLL_RULES

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

# interruptible: Ctrl-C, also in the middle, leaves what `up` and `down` can go on from. Not while a process is started and not yet on
# record: see ensure.
interruptible()
{
    trap 'interrupted' INT TERM HUP
}

interrupted()
{
    trap - INT TERM HUP
    echo "interrupted: config/dev/up goes on from here, config/dev/down stops what runs" >&2
    exit 130
}

# alone FOLDER: from here to the end of this process, no other `up` or `down` is at work there, nor a build of tests/run. The folder
# itself is the lock.
alone()
{
    local lock
    exec {lock}<"$1"
    flock -n "$lock" && return
    echo "another config/dev/up or config/dev/down, or a build of tests/run, is at work in $1: waiting for its end"
    flock "$lock"
}

# writable FOLDER: one that is there or can be made, with somebody else's clone told from a full disk.
writable()
{
    local at
    at=$(realpath -m "$1")
    while [ ! -e "$at" ]; do at=$(dirname "$at"); done
    [ -d "$at" ] || die "$at is no folder: move it away"
    [ -w "$at" ] || die "$(id -un) cannot write to $at, whose owner is $(stat -c %U "$at"): run this as $(stat -c %U "$at"), or in a clone of your own"
}

# For a POSIX shell, and for nats.conf and redis.conf: whatever is in a path.
shell_quoted()
{
    printf "'%s'" "${1//\'/\'\\\'\'}"
}

conf_quoted()
{
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# bytes TEXT: how many, whatever the locale says of them.
bytes()
{
    local LC_ALL=C
    echo ${#1}
}

# The folder may be anywhere, and --wipe removes it whole: never one with something of somebody else's in it.
own_run()
{
    case $run in *,*) die "FURROW_RUN: $run has a comma in it, which separates Redis addresses: name another folder" ;; esac
    [ "$(bytes "$run/redis.sock")" -le 107 ] || die "$run is too long for the path of a socket: set FURROW_RUN to a folder of less than 97 bytes, as /tmp/mesh"
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
    # Whoever is interrupted here would leave a process that nobody knows, and that the next `up` would start beside.
    local held='' was
    was=$(trap -p INT TERM HUP)
    trap 'held=true' INT TERM HUP
    start "$name" "$@"
    { began "$(cat "$run/$name.pid")"; echo "$as"; } >"$run/$name.as"
    trap - INT TERM HUP
    eval "$was"
    [ -z "$held" ] || kill -INT $BASHPID
}

# ended NAME: says why a process that should run does not.
ended()
{
    die "$1 ended: $(tail -n 1 "$run/$1.log"); all of its log is $run/$1.log"
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

taken()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port()
{
    local port=$1
    while taken "$port"; do port=$((port + 1)); done
    [ "$port" -le 65535 ] || die "no free port from $1 on: set FURROW_DEV_NATS_PORT to one that is"
    echo "$port"
}

# NATS keeps its port, unless it is down and somebody else has it by now.
choose_port()
{
    local first=${FURROW_DEV_NATS_PORT:-4222} port
    [[ $first =~ ^[1-9][0-9]{0,4}$ && $first -le 65535 ]] || die "FURROW_DEV_NATS_PORT is \"$first\": use a number from 1 to 65535"
    port=$(cat "$run/nats.port" 2>/dev/null || true)
    if [ -z "$port" ]; then
        port=$(free_port "$first")
    elif ! running nats && taken "$port"; then
        echo "port $port is somebody else's by now: NATS goes to another, read $run/env again"
        port=$(free_port "$((port + 1))")
    fi
    echo "$port" >"$run/nats.port"
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

# Contracts of services of one's own stay known: else the next `up`, from another terminal, would lock those services out.
know_contracts()
{
    local path paths named=()
    [ -n "${FURROW_CONTRACTS+set}" ] || FURROW_CONTRACTS=$(cat "$run/contracts" 2>/dev/null || true)
    IFS=: read -r -a paths <<<"$FURROW_CONTRACTS"
    for path in "${paths[@]}"; do
        # A shell that read .run/env names the folder of who has joined, which is known here.
        [[ "$path/" != "$run/joined/"* ]] || continue
        named+=("$path")
        [ -e "$path" ] || die "$path, with contracts that this mesh knows, is gone: build it again, or forget it by FURROW_CONTRACTS= config/dev/up"
    done
    (IFS=:; echo "${named[*]}") >"$run/contracts"
    use_contracts "$(joined_contracts)"
}

# use_contracts PATHS: of all services but ours, for the tool: those that were named, and PATHS.
use_contracts()
{
    FURROW_CONTRACTS=$(cat "$run/contracts"):$1
    FURROW_CONTRACTS=$(sed 's/^:*//; s/::*/:/g; s/:$//' <<<"$FURROW_CONTRACTS")
    if [ -n "$FURROW_CONTRACTS" ]; then export FURROW_CONTRACTS; else unset FURROW_CONTRACTS; fi
}

# Keys of every user that the contracts know, and what each may do: for the servers to read when they start, or are told to.
make_users()
{
    local known file name
    mkdir -p "$run/keys/forgotten"
    known=$(furrow permissions) || die "the contracts of $FURROW_CONTRACTS cannot be used, see above"
    # Who was forgotten is nobody any more; who comes back has its keys again, and can read what it sealed.
    for file in "$run"/keys/*.log.nk "$run"/keys/forgotten/*.log.nk; do
        name=$(basename "$file" .log.nk)
        if [ ! -e "$file" ]; then
            continue
        elif [ "$file" = "$run/keys/$name.log.nk" ]; then
            grep -qF "\"$name.log\"" <<<"$known" || mv "$run/keys/$name".* "$run/keys/forgotten/"
        elif [ ! -e "$run/keys/$name.log.nk" ]; then
            ! grep -qF "\"$name.log\"" <<<"$known" || mv "$run/keys/forgotten/$name".* "$run/keys/"
        fi
    done
    furrow keys "$run/keys"
    (umask 077 && furrow permissions --format nats --keys "$run/keys" >"$run/accounts.conf" &&
        furrow permissions --format redis --keys "$run/keys" >"$run/redis.acl")
}

# Ports, keys and configuration, made once and kept.
prepare()
{
    writable "$run"
    own_run
    [ -x "$bin/cli/furrow" ] && [ -x "$bin/farm/farm" ] && [ -d "$bin/lib/furrow/contracts" ] || die "no program in $bin: FURROW_BIN names the folder services of a build"
    mkdir -p "$run"
    chmod 700 "$run"
    choose_port
    mkdir -p "$run/nats" "$run/redis" "$run/joined"
    [ ! -e "$run/employee.seal" ] || die "$run is of a mesh without keys of its own: config/dev/down --wipe, then again"
    take_rebuilt_contracts
    know_contracts
    make_users
    cat >"$run/nats.conf" <<CONF
listen: "127.0.0.1:$(cat "$run/nats.port")"
server_name: furrow-dev
jetstream { store_dir: $(conf_quoted "$run/nats") }
include accounts.conf
$(nats_limits)
CONF
    cat >"$run/redis.conf" <<CONF
port 0
unixsocket $(conf_quoted "$run/redis.sock")
unixsocketperm 700
aclfile $(conf_quoted "$run/redis.acl")
dir $(conf_quoted "$run/redis")
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
lazyfree-lazy-user-del yes
lazyfree-lazy-server-del yes
$(redis_limits)
CONF
    # How `furrow dev` comes back to this mesh, whatever was set when it was started.
    cat >"$run/join" <<JOIN
#!/bin/sh
export FURROW_RUN=$(shell_quoted "$run") FURROW_BIN=$(shell_quoted "$bin") FURROW_TIME_ZONE=$(shell_quoted "$FURROW_TIME_ZONE")
${FURROW_NATS_SERVER:+export FURROW_NATS_SERVER=$(shell_quoted "$FURROW_NATS_SERVER")}
unset FURROW_CONTRACTS
exec $(shell_quoted "$root/config/dev/join") "\$@"
JOIN
    chmod 700 "$run/join"
    tell_env
}

# For who calls, and for ourselves: where all is, and that we are the operator.
tell_env()
{
    cat >"$run/env" <<ENV
# The local mesh as its operator, for the nats CLI and for furrow: . .run/env
unset NATS_CONTEXT NATS_CREDS NATS_USER NATS_PASSWORD NATS_CA NATS_CERT NATS_KEY
export NATS_URL=nats://127.0.0.1:$(cat "$run/nats.port") NATS_NKEY=$(shell_quoted "$run/keys/operator.nk")
export FURROW_NATS_URL="\$NATS_URL" FURROW_NATS_NKEY="\$NATS_NKEY"
export FURROW_REDIS_URL=$(shell_quoted "unix://$run/redis.sock") FURROW_REDIS_USER=operator
export FURROW_REDIS_PASSWORD_FILE=$(shell_quoted "$run/keys/operator.redis")
export FURROW_TIME_ZONE=$(shell_quoted "$FURROW_TIME_ZONE") # the farm's, for farm simulate
export FURROW_DEV=$(shell_quoted "$run") # for furrow dev
export FURROW_CONTRACTS=$(shell_quoted "$(sed 's/.$/&:/' "$run/contracts")$run/joined") # whoever has joined, at any time
case ":\$PATH:" in *:$(shell_quoted "$bin/cli"):*) ;; *) export PATH="\$PATH":$(shell_quoted "$bin/cli"):$(shell_quoted "$bin/farm") ;; esac
ENV
    export FURROW_NATS_URL=nats://127.0.0.1:$(cat "$run/nats.port")
    export FURROW_NATS_NKEY=$run/keys/operator.nk # the tool's; each service has its own
    export FURROW_REDIS_URL=unix://$run/redis.sock FURROW_REDIS_USER=operator FURROW_REDIS_PASSWORD_FILE=$run/keys/operator.redis
}

start_servers()
{
    local nats_server redis_server
    nats_server=${FURROW_NATS_SERVER:-$(command -v nats-server || echo /usr/sbin/nats-server)}
    redis_server=$(command -v redis-server) || die "no redis-server in PATH: install it (Debian: redis-server)"
    [ -x "$nats_server" ] || die "no nats-server at $nats_server: install it (Debian: nats-server), or set FURROW_NATS_SERVER to one"
    # Of what their users may do they are told while they run.
    ensure nats "$run/nats.conf" -- "$nats_server" -c "$run/nats.conf"
    ensure redis "$run/redis.conf" -- "$redis_server" "$run/redis.conf"
    for _ in $(seq 100); do
        running nats || ended nats
        running redis || ended redis
        if taken "$(cat "$run/nats.port")" && redis_cli ping >/dev/null 2>&1; then
            tell_servers
            return
        fi
        sleep 0.1
    done
    die "nats-server or redis-server does not answer; see $run/nats.log and $run/redis.log"
}

# The servers use what make_users wrote, and whom it does not concern notices nothing. .run/NAME.told says what which process was told.
tell_servers()
{
    tell nats accounts.conf
    tell redis redis.acl
}

# tell NAME FILE
tell()
{
    ! told "$1" "$2" || return 0
    rm -f "$run/$1.told" # until it has taken this one, nobody knows which it has
    "tell_$1"
    cat "$run/$1.as" "$run/$2" | sha256sum >"$run/$1.told"
}

told()
{
    [ "$(cat "$run/$1.as" "$run/$2" | sha256sum)" = "$(cat "$run/$1.told" 2>/dev/null)" ]
}

# Twice. First, whose account goes loses its streams: from 2.10 on a server that drops both at once keeps the streams at work for the
# account that is gone, and when one of that name comes back gives it these, of which nobody hears until the server is started anew. And
# 2.9.10 finds what a new account imports of others at its second look.
tell_nats()
{
    local wanted
    wanted=$(cat "$run/accounts.conf")
    sed -i "1r "<(forgotten_accounts) "$run/accounts.conf"
    reload_nats
    echo "$wanted" >"$run/accounts.conf"
    reload_nats
}

# Accounts with nothing in them, of all that may have been there.
forgotten_accounts()
{
    local file
    for file in "$run"/keys/forgotten/*.log.nk; do
        [ ! -e "$file" ] || echo "    \"$(basename "$file" .log.nk)\": {}"
    done
}

reload_nats()
{
    local before
    before=$(stat -c %s "$run/nats.log")
    kill -HUP "$(cat "$run/nats.pid")"
    for _ in $(seq 100); do
        case $(tail -c "+$((before + 1))" "$run/nats.log") in
        *"Reloaded server configuration"*) return ;;
        *"ailed to reload"*) break ;;
        esac
        sleep 0.05
    done
    die "nats-server does not take $run/accounts.conf; why is at the end of $run/nats.log. config/dev/down and config/dev/up make it read it anew"
}

# User by user: to load the whole file would end every connection.
tell_redis()
{
    local user said
    said=$({
        for user in $(redis_cli acl users); do
            grep -q "^user $user " "$run/redis.acl" || echo "acl deluser $user"
        done
        sed 's/^user \([^ ]*\)/acl setuser \1 reset/' "$run/redis.acl"
    } | redis_cli 2>&1)
    ! grep -vx 'OK\|[01]\|' <<<"$said" || die "redis-server does not take $run/redis.acl: see above"
}

redis_cli()
{
    REDISCLI_AUTH=$(cat "$run/keys/operator.redis") redis-cli -s "$run/redis.sock" --user operator "$@"
}

# start_service NAME PROGRAM
start_service()
{
    local name=$1 program=$2 settings own=${1^^} files=("$run/$1.env" "$run/keys/$1".*)
    settings=(FURROW_NATS_NKEY="$run/keys/$name.nk" FURROW_NATS_LOG_NKEY="$run/keys/$name.log.nk"
        FURROW_REDIS_USER="$name" FURROW_REDIS_PASSWORD_FILE="$run/keys/$name.redis" FURROW_HASH_KEY_FILE="$run/keys/$name.secret")
    [ ! -e "$run/keys/$name.seal" ] || settings+=(FURROW_SEAL_KEY_FILE="$run/keys/$name.seal")
    [ "$name" != payroll ] || files+=("$PAYROLL_RULES")
    # Its settings are a file too, of which a change is seen.
    (unset FURROW_RUN FURROW_BIN FURROW_NATS_SERVER FURROW_CONTRACTS FURROW_DEV_PREFIX "${!FURROW_DEV_NATS_@}"
        export "${settings[@]}" && env | grep "^FURROW_\|^${own//-/_}_" | sort >"$run/$name.env" &&
        ensure "$name" "${files[@]}" -- "$program")
}

furrow()
{
    "$bin/cli/furrow" "$@"
}

farm()
{
    "$bin/farm/farm" "$@"
}
