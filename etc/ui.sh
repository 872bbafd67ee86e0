#!/bin/sh
# The console: what of it needs Node.
#
#	etc/ui.sh build [console|docs]	ui/dist
#	etc/ui.sh dev		serves it with hot reload, for a running apid
#	etc/ui.sh modules	only what npm installs
#	etc/ui.sh types|eslint	checks of `make lint`
#	etc/ui.sh vitest	its unit tests, closing with `N passed, N failed`
#
# UI=need: not to have the console is an error.  Without that a machine which
# has no Node, or no network for the first `npm ci`, builds all but the console.
set -eu
cd "$(dirname "$0")/../ui"
export npm_config_loglevel="${npm_config_loglevel:-error}"

lack()
{
	[ "${UI:-}" != need ] || {
		echo "ui.sh: $*" >&2
		exit 1
	}
	echo "  UI    not built: $*"
	exit 0
}

modules()
{
	command -v npm >/dev/null ||
	    lack "there is no npm here (Debian: nodejs npm)"
	[ -z "$(find node_modules/.package-lock.json -newer package-lock.json \
	    2>/dev/null)" ] || return 0
	npm ci --ignore-scripts >/dev/null ||
	    lack "npm ci failed; it needs the registry once"
	touch node_modules/.package-lock.json
}

case ${1:-} in
build)
	modules
	shift
	exec node build.mjs "$@"
	;;
dev)
	UI=need modules
	exec npx vite
	;;
modules) modules ;;
types) UI=need modules && exec npx tsc --noEmit ;;
eslint) UI=need modules && exec npx eslint --max-warnings 0 . ;;
vitest)
	UI=need modules
	json=$(mktemp) && trap 'rm -f "$json"' EXIT
	status=0
	npx vitest run --reporter=dot --reporter=json \
	    --outputFile.json="$json" || status=$?
	node -e '
		const r = JSON.parse(require("fs").readFileSync(process.argv[1]))
		console.log(r.numPassedTests + " passed, " + r.numFailedTests +
		    " failed")' "$json"
	exit $status
	;;
*) echo "usage: ui.sh build|dev|modules|types|eslint|vitest" >&2; exit 2 ;;
esac
