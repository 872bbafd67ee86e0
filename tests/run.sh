#!/bin/bash
# Runs tests and adds up what they say:
#
#	tests/run.sh [unit] [fuzz] [ui] [integration] [long]
#
# unit: the cmocka programs; fuzz: each fuzz target over its corpus;
# ui: vitest and, in a browser, tests/ui; integration, long: pytest without and with the tests marked `long`, the
# latter with tests/long/*.sh.  The last line is `N passed, N failed`.  It
# is a failure when a part ran nothing.
#
# HS_BUILD is the directory of what was built.  Logs: $HS_BUILD/check/.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${HS_BUILD:-$PWD/build}
export HS_BUILD=$build
logs=$build/check
passed=0 failed=0 skipped=0
export LC_ALL=C

# Adds a line "PASSED FAILED SKIPPED".
add()
{
	passed=$((passed + $1)) failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# Runs one program with a deadline; writes its counts to LOG.count and
# shows its log when something failed.  In its own process, two at a time.
one()
{
	local kind=$1 name=$2 log=$logs/$2.log status p f s
	case $kind in
	unit)
		timeout -k 5 300 "$build/unit/$name" >"$log" 2>&1
		status=$?
		read -r p f s < <(awk '
			/^\[  PASSED  \] [0-9]+ test/ { p += $4 }
			/^\[  FAILED  \] [0-9]+ test/ { f += $4 }
			/^\[  SKIPPED \] [0-9]+ test/ { s += $4 }
			END { print p + 0, f + 0, s + 0 }' "$log")
		;;
	fuzz)
		timeout -k 5 300 "$build/fuzz/$name" \
		    "tests/fuzz/corpus/$name" >"$log" 2>&1
		status=$?
		p=$((status == 0)) f=0 s=0
		;;
	script)
		timeout -k 30 3600 "tests/long/$name" >"$log" 2>&1
		status=$?
		p=$((status == 0)) f=0 s=$((status == 77))
		[ $status -eq 77 ] && status=0
		;;
	esac
	# Killed, crashed, a leak at the end, or nothing was there to run.
	if [ $status -ne 0 ] && [ "$f" -eq 0 ] ||
	    [ $((p + f + s)) -eq 0 ]; then
		f=$((f + 1))
	fi
	echo "$p $f $s" >"$log.count"
	if [ "$f" -ne 0 ]; then
		{ echo "FAILED $name, exit $status:"; tail -n 200 "$log"; }
	else
		echo "  ok    $name $p$([ "$s" = 0 ] || echo ", $s skipped")"
	fi
}

# Programs of one kind, as many at once as there are processors.
programs()
{
	local kind=$1 n
	shift
	[ $# -gt 0 ] || { echo "no $kind tests"; add 0 1 0; return; }
	printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} "$0" --one "$kind" {}
	for n; do
		if [ -s "$logs/$n.log.count" ]; then
			# shellcheck disable=SC2046
			add $(cat "$logs/$n.log.count")
		else
			add 0 1 0
		fi
	done
}

# The basenames of the sources which match, as the names of programs.
names()
{
	local f
	for f; do
		[ -e "$f" ] && basename "$f" .c
	done
}

# pytest over a directory, with these markers.
integration()
{
	local marker=$1 xml=$logs/$2.xml dir=$3 status counts
	/usr/bin/python3 -B -m pytest -q -p no:cacheprovider -rfEs \
	    --junitxml="$xml" -m "$marker" ${HS_PYTEST:-} "$dir"
	status=$?
	counts=$(/usr/bin/python3 - "$xml" <<-'PY'
		import sys, xml.etree.ElementTree as tree
		n = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
		for suite in tree.parse(sys.argv[1]).iter("testsuite"):
		    for key in n:
		        n[key] += int(suite.get(key, 0))
		bad = n["failures"] + n["errors"]
		print(max(n["tests"] - bad - n["skipped"], 0), bad, n["skipped"])
		PY
	) || counts="0 1 0"
	set -- $counts
	# 5 is "no tests", 2 to 4 are trouble of pytest itself.
	if [ $status -ne 0 ] && [ "$2" -eq 0 ]; then
		counts="$1 1 $3"
	fi
	add $counts
}

# The console's own unit tests; what they say is their last line.
ui()
{
	local log=$logs/vitest.log closing
	etc/ui.sh vitest >"$log" 2>&1
	closing=$(tail -n 1 "$log")
	if [[ $closing =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]] &&
	    [ "${BASH_REMATCH[1]}" -gt 0 ]; then
		add "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" 0
		echo "  ok    vitest ${BASH_REMATCH[1]}"
	else
		add 0 1 0
	fi
	[ "${BASH_REMATCH[2]:-1}" -eq 0 ] || tail -n 100 "$log"
	integration "not long" ui tests/ui
}

if [ "${1:-}" = --one ]; then
	one "$2" "$3"
	exit 0
fi
mkdir -p "$logs" && rm -f "$logs"/*.count "$logs"/*.xml || exit 1
for part; do
	# shellcheck disable=SC2046 # lists of words
	case $part in
	unit) programs unit $(names tests/unit/test_*.c) ;;
	fuzz) programs fuzz $(names tests/fuzz/fuzz_*.c) ;;
	ui) ui ;;
	integration)
		integration "not long" integration tests/integration
		;;
	long)
		integration long long tests/integration
		for script in tests/long/*.sh; do
			programs script "$(basename "$script")"
		done
		;;
	*) echo "run.sh: no part $part" >&2; exit 2 ;;
	esac
done
[ "$skipped" -eq 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
