#!/bin/bash
# `make run`: HashScope in ./run, as whoever calls.  Without POOL_HOST there
# is a demonstration besides: a simulated pool and miners that really hash,
# with accepted, stale and rejected shares; a Nostr relay of its own, over
# which the shares reach two agents, who submit them to a second simulated
# pool and tell of it.  All of that on loopback.
#
# Everything ends with Ctrl-C or SIGTERM: miners first, the pools last.
# Environment: POOL_HOST, LISTEN_PORT and the others of hashscope.conf(5).
set -u
set -m # children in groups of their own: Ctrl-C is ours to pass on, in order
cd "$(dirname "$0")/.." || exit 1
build=${HS_BUILD:-$PWD/build}
run=${HASHSCOPE_RUN_DIR:-$PWD/run}
state=${HASHSCOPE_STATE_DIR:-$run/state}
port=${LISTEN_PORT:-3333}
pool_pid='' scope_pid='' miner_pids=()
relay_pid='' relay_port='' test_pool_pid='' test_pool_port=''
agent_pids=() conf=$run/hashscope.conf
agents='demo-agent-1 demo-agent-2'

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
	stop "${miner_pids[@]}" "${agent_pids[@]}"
	stop "$scope_pid"
	stop "$pool_pid" "$test_pool_pid" "$relay_pid"
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

# Starts a simulator that says where it listens: pid and port into the
# variables named; then its log, and its command.
start_listening()
{
	local -n pid_=$1 port_=$2
	local i where=$3
	shift 3
	: >"$where"
	start "$@" >"$where" 2>&1
	pid_=$!
	for ((i = 0; i < 400; i++)); do
		port_=$(awk '$1 == "listening" { print $3 }' "$where")
		[ -z "$port_" ] || return 0
		kill -0 "$pid_" 2>/dev/null || break
		sleep 0.05
	done
	die "the demo's ${where##*demo-}: $(cat "$where")"
}

start_pool()
{
	start_listening pool_pid POOL_PORT "$run/demo-pool" \
	    "$build/sim/pool" --difficulty 2e-5 --job-interval 4 \
	    --block-interval 9 --latency 3
	export POOL_HOST=127.0.0.1 POOL_PORT
}

# --- the circle: a relay, two agents, the pool that they load ---

agent_conf()
{
	(umask 077 && say "pool \"stratum+tcp://127.0.0.1:$test_pool_port\"" \
	    'authorized yes' "relay \"ws://127.0.0.1:$relay_port\"" \
	    'run "demo"' "id \"$1\"" 'worker "demo"' "key \"$run/$1.key\"" \
	    'telemetry 2s' "${@:2}" >"$run/$1.conf")
}

# The configuration, with a nostr block unless it has one of its own.
start_circle()
{
	local name trust=''
	[ -z "${NOSTR_RELAY_URL:-}${NOSTR_ENABLED:-}" ] &&
	    ! grep -Eq '^[[:space:]]*nostr' "$conf" || return 0
	start_listening relay_pid relay_port "$run/demo-relay" \
	    "$build/sim/relay"
	start_listening test_pool_pid test_pool_port "$run/demo-test-pool" \
	    "$build/sim/pool" --accept-all --latency 3
	for name in $agents; do
		agent_conf "$name"
		trust="$trust trust \"$("$build/bin/hashscope-agent" -k \
		    -f "$run/$name.conf")\"" || die "$name: no key"
	done
	(umask 022 && say '# Written anew by each make run: change hashscope.conf.' \
	    'include "hashscope.conf"' "nostr { run \"demo\"" \
	    "relay \"ws://127.0.0.1:$relay_port\"" \
	    "broadcast default on $trust }" >"$run/demo.conf")
	conf=$run/demo.conf
}

# Once HashScope's own key can be had; agents believe nobody else.
start_agents()
{
	local i name key=''
	[ -n "$relay_pid" ] || return 0
	for ((i = 0; i < 600; i++)); do
		key=$("$build/bin/hashscopectl" key show 2>/dev/null) && break
		kill -0 "$scope_pid" 2>/dev/null || return 0
		sleep 0.05
	done
	for name in $agents; do
		agent_conf "$name" "trust \"$key\""
		# The variables are HashScope's; an agent's would come first.
		start env -u POOL_HOST -u POOL_PORT -u RUN_ID -u NOSTR_SK \
		    -u WORKER_NAME "$build/bin/hashscope-agent" \
		    -f "$run/$name.conf" \
		    >"$run/$name" 2>&1
		agent_pids+=($!)
	done
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
	start "$build/bin/hashscoped" -d -f "$conf"
	scope_pid=$!
	for ((i = 0; i < 600; i++)); do
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
	    "  console          $("$build/bin/hashscopectl" login-url 2>&1)" \
	    "                   (logs in once; again: $ctl login-url)" \
	    "  look             $ctl show sessions" \
	    "                   $ctl show messages limit 20" \
	    "                   $ctl monitor"
	[ -z "$pool_pid" ] ||
		say "Simulated (for a real pool: make run POOL_HOST=pool.example):" \
		    "  pool             127.0.0.1:$POOL_PORT, judges every share" \
		    "  miners           demo.rack-1, demo.shed, demo.attic; they hash"
	[ -z "$relay_pid" ] ||
		say "  Nostr relay      ws://127.0.0.1:$relay_port, has the shares" \
		    "  agents           $agents submit them again;" \
		    "                   $ctl show agents, or Agents in the console" \
		    "  their pool       127.0.0.1:$test_pool_port, accepts anything"
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
[ -z "$demo" ] || { start_pool && start_circle; }
start_hashscope
[ -z "$demo" ] || { start_miners && start_agents; }
tell
wait "$scope_pid"
status=$?
say "hashscoped has ended: $status" >&2
scope_pid=
end "$status"
