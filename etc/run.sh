#!/bin/bash
# `make run`: HashScope in ./run, as whoever calls.  Without POOL_HOST there
# is a demonstration besides: a simulated pool and miners that really hash,
# with accepted, stale and rejected shares.
#
# Everything ends with Ctrl-C or SIGTERM: miners first, the pool last.
# Environment: POOL_HOST, LISTEN_PORT and the others of hashscope.conf(5).
set -u
set -m # children in groups of their own: Ctrl-C is ours to pass on, in order
cd "$(dirname "$0")/.." || exit 1
build=${HS_BUILD:-$PWD/build}
run=${HASHSCOPE_RUN_DIR:-$PWD/run}
state=${HASHSCOPE_STATE_DIR:-$run/state}
port=${LISTEN_PORT:-3333}
pool_pid='' scope_pid='' miner_pids=()

say()
{
	printf '%s\n' "$@"
}

# Started so that it ends with us, however we end.
start()
{
	setpriv --pdeathsig TERM "$@" </dev/null &
}

# Ends those pids and waits for them.
stop()
{
	local pid
	for pid; do
		[ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null
	done
	for pid; do
		[ -z "$pid" ] || wait "$pid" 2>/dev/null
	done
}

end()
{
	trap '' INT TERM HUP
	stop "${miner_pids[@]}"
	stop "$scope_pid"
	stop "$pool_pid"
	exit "$1"
}

die()
{
	say "make run: $1" >&2
	shift
	[ $# -eq 0 ] || say "$@" >&2
	end 1
}

# As root the store belongs to an account that must be able to reach it, and
# a tree below /root is out of its reach.
choose_places()
{
	(umask 022 && mkdir -p "$run") || die "cannot make $run"
	if [ "$(id -u)" -eq 0 ] && [ -z "${HASHSCOPE_STATE_DIR:-}" ] &&
	    ! setpriv --reuid 59803 --regid 59803 --clear-groups \
		test -x "$run"; then
		state=/var/lib/hashscope-run
		say "$run is out of reach for other accounts:" \
		    "the store goes to $state"
	fi
	if [ ! -e "$run/hashscope.conf" ]; then
		say '# The configuration of `make run`: see hashscope.conf(5)' \
		    '# and etc/hashscope.conf.example.' >"$run/hashscope.conf"
	fi
	export HASHSCOPE_RUN_DIR=$run HASHSCOPE_STATE_DIR=$state
}

start_pool()
{
	local i where=$run/demo-pool
	: >"$where"
	start "$build/sim/pool" --difficulty 2e-5 --job-interval 4 \
	    --block-interval 9 --latency 3 >"$where" 2>&1
	pool_pid=$!
	for ((i = 0; i < 100; i++)); do
		POOL_PORT=$(awk '$1 == "listening" { print $3 }' "$where")
		[ -z "$POOL_PORT" ] || break
		kill -0 "$pool_pid" 2>/dev/null || break
		sleep 0.05
	done
	[ -n "$POOL_PORT" ] || die "the demo's pool: $(cat "$where")"
	export POOL_HOST=127.0.0.1 POOL_PORT
}

# One more simulated miner: name, user agent, options.
start_miner()
{
	local name=$1 agent=$2
	shift 2
	start "$build/sim/miner" --worker "demo.$name" --agent "$agent" \
	    --reconnect --lenient "$@" "$miner_host" "$port" \
	    >"$run/demo-$name" 2>&1
	miner_pids+=($!)
}

start_miners()
{
	start_miner rack-1 demo-asic/2.1 --version-rolling 1fffe000 \
	    --connections 2 --rate 2 --mix valid=14,stale=1,duplicate=1,low=1
	start_miner shed cpuminer/2.5.1 --cpuminer-ids --rate 1 \
	    --mix valid=8,stale=1,job=1
	start_miner attic demo-usb/0.9 --no-configure --rate 0.5 \
	    --mix valid=6,low=1,worker=1
}

socket_stamp()
{
	stat -c '%i %Z' "$run/control.sock" 2>/dev/null
}

start_hashscope()
{
	local i before
	# One of a run that crashed may lie there, or one of a run still going.
	before=$(socket_stamp)
	start "$build/bin/hashscoped" -d -f "$run/hashscope.conf"
	scope_pid=$!
	for ((i = 0; i < 200; i++)); do
		[ "$(socket_stamp)" = "$before" ] || return 0
		kill -0 "$scope_pid" 2>/dev/null || break
		sleep 0.05
	done
	wait "$scope_pid" 2>/dev/null
	scope_pid=
	die "hashscoped did not start, see above." \
	    "If the port is taken, choose another: make run LISTEN_PORT=3334"
}

tell()
{
	local ctl=${build#"$PWD"/}/bin/hashscopectl host=${LISTEN_HOST:-}
	case $host in
	'' | '*' | 0.0.0.0 | ::) host=$(hostname -I 2>/dev/null) ;;
	*:*) host="[${host#[}" host="${host%]}]" ;;
	esac
	host=${host%% *}
	say '' "HashScope relays and captures; its log follows.  Ctrl-C ends it." \
	    "  point miners to  stratum+tcp://${host:-127.0.0.1}:$port" \
	    "  look             $ctl show sessions" \
	    "                   $ctl show messages limit 20" \
	    "                   $ctl monitor"
	[ -z "$pool_pid" ] ||
		say "Three miners and a pool are simulated;" \
		    "for a real one: make run POOL_HOST=pool.example"
	say ''
}

trap 'end 0' INT TERM HUP
case ${LISTEN_HOST:-} in
'' | '*' | 0.0.0.0) miner_host=127.0.0.1 ;;
::) miner_host=::1 ;;
*) miner_host=${LISTEN_HOST//[\[\]]/} ;;
esac
choose_places
demo=
[ -n "${POOL_HOST:-}" ] || demo=1
[ -z "$demo" ] || start_pool
start_hashscope
[ -z "$demo" ] || start_miners
tell
wait "$scope_pid"
status=$?
say "hashscoped has ended: $status" >&2
scope_pid=
end "$status"
