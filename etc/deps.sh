#!/bin/sh
# Installs what HashScope needs of Debian 12, as far as it is missing.
#
#	etc/deps.sh [build|ui|check|lint|fuzz ...]
#
# Asks dpkg once; when nothing is missing that is all, and no right is
# needed.  Else: apt-get, through sudo when we are not root.
set -eu

build="make gcc libc6-dev libevent-dev libseccomp-dev libsqlite3-dev
	libyajl-dev libssl-dev libcrypt-dev libmicrohttpd-dev libwebsockets-dev
	libsecp256k1-dev"
# libcmocka for the unit programs, Python for the integration tests, haproxy
# as a peer in the benchmark, Chromium for the console, iproute2 for tests in network namespaces,
# mandoc for the manuals; clients of the API: curl, requests, websockets, a
# validator of schemas; tshark reads what was exported, promtool the metrics.
check="chromium libcmocka-dev openssl python3 python3-pytest haproxy iproute2 procps mandoc
	valgrind curl python3-requests python3-websockets python3-jsonschema
	tshark prometheus"
lint="libcmocka-dev clang-format clang-tidy cppcheck mandoc pyflakes3 python3
	shellcheck systemd"
fuzz="clang libclang-rt-14-dev"

# Node for the console, unless it is there from somewhere else; mandoc for
# the manual pages in its documentation.
ui="mandoc"
command -v npm >/dev/null || ui="$ui nodejs npm"

# Daemons among them: they are for the tests, and are not to run here.
daemons="haproxy prometheus"

die()
{
	echo "deps.sh: $*" >&2
	exit 1
}

# Of the packages named, those which are not installed.
missing()
{
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
	    awk -v want="$*" '
		$1 == "installed" { have[$2] = 1 }
		END {
			n = split(want, w)
			for (i = 1; i <= n; i++)
				if (!(w[i] in have)) print w[i]
		}' | tr '\n' ' '
}

# As root: without questions, without recommendations, and without starting
# or enabling any service.
as_root()
{
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		trap 'rm -f $policy' EXIT
		trap 'exit 1' HUP INT TERM
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod 755 $policy
	fi
	new=
	for d in $daemons; do
		case " $* " in *" $d "*) new="$new $d.service" ;; esac
	done
	export DEBIAN_FRONTEND=noninteractive
	lock="-o DPkg::Lock::Timeout=300"
	apt-get $lock -q update ||
	    echo "deps.sh: apt-get update failed; trying with what is known" >&2
	apt-get $lock -q -y --no-install-recommends install "$@" </dev/null
	if [ -n "$new" ] && command -v systemctl >/dev/null; then
		systemctl --no-reload disable $new 2>/dev/null || :
	fi
}

if [ "${1:-}" = --as-root ]; then
	shift
	as_root "$@"
	exit 0
fi

want=$build
for group; do
	case $group in
	build) ;;
	ui) want="$want $ui" ;;
	check) want="$want $check" ;;
	lint) want="$want $lint" ;;
	fuzz) want="$want $check $fuzz" ;;
	*) die "no group $group (build, ui, check, lint, fuzz)" ;;
	esac
done
command -v dpkg-query >/dev/null || {
	echo "deps.sh: this is no Debian; needed are, by Debian's names:" >&2
	echo "   " $want >&2
	exit 0
}
lacking=$(missing $want)
[ -n "$lacking" ] || exit 0
echo "installing: $lacking"
if [ "$(id -u)" -eq 0 ]; then
	exec "$0" --as-root $lacking
fi
command -v sudo >/dev/null ||
    die "not root and no sudo here; as root: apt-get install $lacking"
exec sudo -- "$0" --as-root $lacking
