#!/bin/bash
# HashScope on a Debian 12 that has nothing:
#
#	newcomer	the README's first line, as root without sudo, until
#			hashscopectl shows accepted and refused shares; then
#			the second line
#	booted		make install, systemd-sysusers and -tmpfiles, then
#			systemctl start, reload, a killed child, stop, in a
#			container with a network of its own
#
#	tests/long/boot.sh [newcomer] [booted]
#
# Needs root, debootstrap, systemd-nspawn and a Debian mirror, else it is
# skipped (77).  The bootstrapped tree is kept in HS_BOOT_DIR.
set -eu
cd "$(dirname "$0")/../.."
place=${HS_BOOT_DIR:-/var/tmp/hashscope-boot}
mirror=${HS_BOOT_MIRROR:-} # debootstrap knows one
build=${HS_BUILD:-$PWD/build}
ca=${HS_BOOT_CA:-/etc/ssl/certs/ca-certificates.crt}
pids=()

skip()
{
	echo "skipped: $*"
	exit 77
}

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# Ends what was started, and waits: 10 s for a TERM to be enough.
stop_pids()
{
	local p
	for p in "${pids[@]}"; do
		kill -TERM "$p" 2>/dev/null || continue
		timeout 20 tail --pid="$p" -f /dev/null ||
		    kill -KILL "$p" 2>/dev/null || :
	done
	pids=()
}

cleanup()
{
	local status=$?
	trap - EXIT
	stop_pids
	rm -rf --one-file-system "$place/newcomer" "$place/booted"
	exit $status
}

# wait_until SECONDS COMMAND...: its output goes to $place/out.
wait_until()
{
	local end=$((SECONDS + $1))
	shift
	while ! "$@" >"$place/out" 2>&1; do
		if [ $SECONDS -ge $end ]; then
			tail -n 30 "$place/out" >&2
			fail "not in time: $*"
		fi
		sleep 0.2
	done
}

fresh_tree()
{
	rm -rf --one-file-system "${place:?}/$1"
	cp -a "$place/base" "$place/$1"
	cp -L /etc/resolv.conf "$place/$1/etc/resolv.conf"
	# Whom this host trusts: its way to the registry may have an own CA.
	[ ! -r "$ca" ] || cp -L "$ca" "$place/$1/root/ca.crt"
	printf '%s\n' '127.0.0.1 localhost pool.test' '::1 localhost' \
	    >"$place/$1/etc/hosts"
}

bootstrap()
{
	mkdir -p "$place"
	[ ! -e "$place/base/.complete" ] || return 0
	rm -rf --one-file-system "$place/base"
	debootstrap --variant=minbase bookworm "$place/base" ${mirror:+"$mirror"} \
	    >"$place/debootstrap.log" 2>&1 ||
	    skip "debootstrap: $(tail -n 1 "$place/debootstrap.log")"
	touch "$place/base/.complete"
}

# --- newcomer ---

# Where the processes of the tree are seen from, once there are some.
newcomer_pid()
{
	pgrep -f 'bash etc/run.sh' | while read -r p; do
		[ "$(readlink "/proc/$p/root")" != "$place/newcomer" ] ||
		    echo "$p"
	done | head -n 1 | grep .
}

newcomer_ctl()
{
	nsenter -t "$(newcomer_pid)" -m -p -r \
	    /root/hashscope/build/bin/hashscopectl \
	    -s /root/hashscope/run/control.sock "$@"
}

# Both agents have had shares accepted, says their telemetry.
newcomer_agents()
{
	newcomer_ctl -j show agents | /usr/bin/python3 -c '
import json, sys
took = [a["stats"]["submits_accepted_total"] for a in json.load(sys.stdin)]
sys.exit(len(took) != 2 or min(took) == 0)'
}

newcomer_sees()
{
	local said
	said=$(newcomer_ctl -j show messages method mining.submit limit 200)
	grep -q '"result":true' <<<"${said//[\\ ]/}" &&
	    grep -qi 'stale share' <<<"$said" &&
	    grep -qi 'low difficulty' <<<"$said"
}

in_newcomer()
{
	# Its root has to be a mount, for tests that unshare in turn.
	unshare --mount --pid --fork --kill-child /bin/bash -c '
		mount --bind "$1" "$1"
		exec chroot "$1" /bin/bash -c "$2" - "$3"' - \
	    "$place/newcomer" '
		mount -t proc proc /proc
		mount -t sysfs -o ro sysfs /sys
		mount -t tmpfs tmpfs /run
		mkdir -p /dev/shm /dev/pts
		mount -t tmpfs -o mode=1777 tmpfs /dev/shm
		mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
		[ ! -r /root/ca.crt ] || export npm_config_cafile=/root/ca.crt
		rm -f /dev/ptmx && ln -s pts/ptmx /dev/ptmx
		cd /root/hashscope && eval "$1"' "$1"
}

newcomer()
{
	local port p
	fresh_tree newcomer
	mkdir "$place/newcomer/root/hashscope"
	git -c safe.directory='*' archive HEAD |
	    tar -x -C "$place/newcomer/root/hashscope"
	port=$(/usr/bin/python3 -c 'import socket
s = socket.create_server(("", 0)); print(s.getsockname()[1])')
	in_newcomer "apt-get update && apt-get install -y make &&
	    exec make run LISTEN_PORT=$port" \
	    >"$place/run.log" 2>&1 </dev/null &
	pids=($!)
	wait_until 300 newcomer_pid
	wait_until 60 newcomer_sees
	wait_until 60 newcomer_agents
	newcomer_ctl show sessions
	newcomer_ctl show messages limit 5
	p=$(newcomer_pid)
	kill -TERM "$p"
	wait_until 20 grep -q 'hashscoped.*: ended' "$place/run.log"
	stop_pids
	echo "newcomer: make run shows traffic"
	in_newcomer "apt-get update && apt-get install -y make && make check" \
	    >"$place/check.log" 2>&1 </dev/null ||
	    { tail -n 60 "$place/check.log" >&2; fail "make check"; }
	echo "newcomer: make check: $(tail -n 1 "$place/check.log")"
}

# --- booted ---

inside()
{
	nsenter -t "$leader" -m -u -i -n -p -C -r -w "$@"
}

is_up()
{
	leader=$(pgrep -P "$nspawn" | head -n 1)
	[ -n "$leader" ] &&
	    inside systemctl is-system-running | grep -qx 'running\|degraded'
}

starts_of()
{
	inside hashscopectl -j show processes | /usr/bin/python3 -c '
import json, sys
for p in json.load(sys.stdin):
    if p["role"] == sys.argv[1]:
        print(p["starts" if "starts" in p else "generation"], p["pid"])
' "$1"
}

started_again()
{
	[ "$(starts_of "$1" | cut -d" " -f1)" = 2 ]
}

accepted()
{
	inside hashscopectl show messages method mining.submit limit 50 |
	    grep -q '"result":true'
}

boot()
{
	fresh_tree booted
	chroot "$place/booted" /bin/sh -ec '
		export DEBIAN_FRONTEND=noninteractive
		printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d
		chmod 755 /usr/sbin/policy-rc.d
		apt-get -q update
		apt-get -q -y --no-install-recommends install systemd \
		    systemd-sysv dbus procps libevent-core-2.1-7 \
		    libseccomp2 libyajl2 libsqlite3-0 libssl3
		rm /usr/sbin/policy-rc.d' >"$place/boot.log" 2>&1 ||
	    { tail -n 20 "$place/boot.log" >&2; fail "packages"; }
	make --no-print-directory install B="$build" \
	    DESTDIR="$place/booted" >>"$place/boot.log"
	cp "$build/sim/pool" "$build/sim/miner" "$place/booted/usr/local/bin"
	# Debian 12's nspawn does not know Landlock's calls.
	systemd-nspawn -q -b -D "$place/booted" --private-network \
	    --register=no --keep-unit --console=pipe \
	    --system-call-filter="landlock_create_ruleset landlock_add_rule
		landlock_restrict_self" \
	    </dev/null >>"$place/boot.log" 2>&1 &
	nspawn=$!
	pids=("$nspawn")
	wait_until 60 is_up
}

booted()
{
	local role pid uids
	boot
	inside systemd-sysusers 2>/dev/null
	inside systemd-tmpfiles --create hashscope.conf
	inside systemctl daemon-reload
	inside systemd-run -q --unit=pool pool --port 3000 \
	    --difficulty 1e-6 --job-interval 2
	# A name, so that the resolver works too.
	echo 'listen on * port 3333 { pool "pool.test:3000" }' \
	    >"$place/booted/etc/hashscope/hashscope.conf"
	inside systemctl start hashscope || {
		inside journalctl -u hashscope --no-pager >&2
		fail "systemctl start"
	}
	inside systemctl is-active hashscope
	inside systemd-run -q --unit=miner miner --reconnect --lenient \
	    127.0.0.1 3333
	wait_until 20 accepted
	uids=
	for role in relayd resolver captured query-page control; do
		pid=$(starts_of $role | cut -d" " -f2)
		inside cat "/proc/$pid/status" >"$place/status"
		grep -q '^CapEff:[[:space:]]*0*$' "$place/status" &&
		    grep -q '^CapBnd:[[:space:]]*0*$' "$place/status" &&
		    grep -q '^NoNewPrivs:[[:space:]]*1$' "$place/status" &&
		    grep -q '^Seccomp:[[:space:]]*2$' "$place/status" ||
		    fail "$role has rights: $(cat "$place/status")"
		uids="$uids $(awk '/^Uid:/ { print $2 }' "$place/status")"
	done
	[ "$(printf '%s\n' $uids | sort -u | grep -vc '^0$')" -eq 5 ] ||
	    fail "uids: $uids"
	echo "booted: runs as$uids"
	for role in captured relayd; do
		pid=$(starts_of $role | cut -d" " -f2)
		inside kill -KILL "$pid"
		wait_until 10 started_again $role
	done
	wait_until 20 accepted
	inside systemctl reload hashscope || fail "systemctl reload"
	echo 'nonsense' >>"$place/booted/etc/hashscope/hashscope.conf"
	! inside systemctl reload hashscope 2>/dev/null ||
	    fail "a bad configuration was reloaded"
	inside systemctl is-active hashscope
	echo "booted: reloads, and refuses nonsense; children start again"
	sed -i '/nonsense/d' "$place/booted/etc/hashscope/hashscope.conf"
	inside systemctl restart hashscope
	wait_until 20 accepted
	inside systemctl stop hashscope
	[ "$(inside systemctl show -P Result hashscope)" = success ] ||
	    fail "systemctl stop: $(inside systemctl status hashscope)"
	for role in hashscoped relayd captured; do
		! inside pgrep $role || fail "left over: $role"
	done
	inside test ! -e /run/hashscope || fail "run directory left"
	echo "booted: stops"
}

[ "$(id -u)" -eq 0 ] || skip "not root"
for tool in debootstrap systemd-nspawn git nsenter; do
	command -v $tool >/dev/null || skip "no $tool"
done
[ -e .git ] || skip "not a checkout"
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
bootstrap
[ $# -gt 0 ] || set -- newcomer booted
for part; do
	"$part"
done
