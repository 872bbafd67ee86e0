#!/bin/bash
# `make lint`: formatting, static analysis, manuals, scripts, the systemd
# files, and the rules of this tree that no tool knows.  Needs
# compile_commands.json.  With arguments, only those checks.  The last line
# is `N passed, N failed`, counting checks.
set -u
cd "$(dirname "$0")/.." || exit 1
export LC_ALL=C.UTF-8
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

# What belongs to the tree: what git knows, or everything without git.
files()
{
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory='*' ls-files -- "$@"
	else
		find . -name build -prune -o -name 'build-*' -prune -o \
		    -name run -prune -o -type f -print |
		    sed 's|^\./||' | python3 -c '
import fnmatch, sys
for f in sys.stdin.read().split("\n"):
    if any(fnmatch.fnmatch(f, p) for p in sys.argv[1:]):
        print(f)' "$@"
	fi | while read -r f; do
		[ ! -e "$f" ] || echo "$f"
	done | sort
}
mapfile -t sources < <(files '*.c')
mapfile -t headers < <(files '*.h')
mapfile -t scripts < <(files '*.sh' .ci/run)
mapfile -t python < <(files '*.py')
mapfile -t manuals < <(files 'man/*')

# Lines that match where none may; `allowed` is a pattern for exceptions.
none()
{
	local why=$1 pattern=$2 allowed=$3
	shift 3
	if grep -nPH -- "$pattern" "$@" | grep -vP -- "$allowed"; then
		echo "$why"
		return 1
	fi
}

check_format()
{
	clang-format --dry-run -Werror "${sources[@]}" "${headers[@]}"
}

check_tidy()
{
	printf '%s\n' "${sources[@]}" |
	    xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p . \
		2>"$tmp/tidy.err" || {
		grep -v 'warnings\? \(generated\|treated\)' "$tmp/tidy.err"
		return 1
	}
}

# The queue macros have to be known; libraries' own headers are not read.
check_cppcheck()
{
	cppcheck -q -j "$(nproc)" --std=c11 --error-exitcode=1 \
	    --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=etc/cppcheck.suppress \
	    --include="/usr/include/$(gcc -print-multiarch)/sys/queue.h" \
	    -D_GNU_SOURCE -D__GNUC__ -DHS_VERSION='""' -I. "${sources[@]}"
}

check_headers()
{
	local h bad=0
	for h in "${headers[@]}"; do
		gcc -std=gnu11 -D_GNU_SOURCE -DHS_VERSION='""' -I. -Wall \
		    -Wextra -Wno-unused-parameter -Werror -fsyntax-only \
		    -include "$h" -x c /dev/null || bad=1
	done
	return $bad
}

check_manuals()
{
	mandoc -Tlint -W warning "${manuals[@]}"
}

check_shell()
{
	shellcheck -S warning "${scripts[@]}"
}

check_python()
{
	pyflakes3 "${python[@]}"
}

# No state that any file may write to.
check_extern()
{
	none "extern declarations: put functions into a header, and state \
into a struct" '^\s*extern\b' '^$' "${sources[@]}" "${headers[@]}"
}

# Tests wait for something, with a deadline; never just for a while.
check_sleep()
{
	none "a test that sleeps: wait for a condition (hs.wait_for)" \
	    '\btime\.sleep\(|(?<![\w.])u?sleep\(' '^$' \
	    tests/integration/*.py tests/unit/*.c
}

check_length()
{
	local f n max bad=0
	for f in "${sources[@]}" "${headers[@]}"; do
		n=$(wc -l <"$f") max=800
		[[ $f != tests/unit/* ]] || max=1100 # tables of cases
		[ "$n" -gt $max ] || continue
		echo "$f: $n lines: nobody holds that in the head"
		bad=1
	done
	return $bad
}

check_heads()
{
	local f bad=0
	for f in "${sources[@]}" "${headers[@]}"; do
		[ "$(head -c 2 "$f")" = '/*' ] && continue
		echo "$f: does not begin by saying what it is for"
		bad=1
	done
	return $bad
}

# Nothing of the machine on which it was written, nothing unfinished.
check_words()
{
	local -a all
	mapfile -t all < <(files | grep -v '^tests/.*/corpus/\|^tests/data/')
	none "paths of somebody's machine" \
	    '/(home|work|Users)/\w|pyenv' '^etc/lint\.sh:' "${all[@]}" &&
	    none "unfinished" '\b(TODO|FIXME|XXX)\b' '^etc/lint\.sh:' \
		"${all[@]}"
}

# The console; where Node is not, only CI cannot do without.
check_types()
{
	etc/ui.sh types
}

check_eslint()
{
	etc/ui.sh eslint
}

# As installed, but for the program, which is not here.
check_systemd()
{
	local unit=$tmp/hashscope.service
	sed 's|^\(Exec[A-Za-z]*=\)\(/usr/bin/hashscope[a-z]*\)|\1/bin/true|' \
	    etc/hashscope.service >"$unit"
	systemd-analyze verify --man=no "$unit" 2>&1 | tee "$tmp/verify"
	[ ! -s "$tmp/verify" ] || return 1
	systemd-analyze security --offline=true --threshold=36 --no-pager \
	    "$unit" >"$tmp/security" 2>&1 || {
		cat "$tmp/security"
		return 1
	}
	mkdir -p "$tmp/root/etc"
	systemd-sysusers --root="$tmp/root" "$PWD/etc/hashscope.sysusers" \
	    2>&1 | grep -v '^Creating' && return 1
	grep -q '^hashscope-relay:' "$tmp/root/etc/passwd"
}

[ $# -gt 0 ] || {
	set -- format headers extern sleep length heads words shell python \
	    manuals systemd cppcheck tidy
	if [ -n "${CI:-}" ] || command -v npm >/dev/null; then
		set -- "$@" types eslint
	fi
}
for check; do
	began=$SECONDS
	if "check_$check" >"$tmp/out" 2>&1; then
		passed=$((passed + 1))
		echo "  ok    $check ($((SECONDS - began)) s)"
	else
		failed=$((failed + 1))
		echo "FAILED  $check:"
		cat "$tmp/out"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
