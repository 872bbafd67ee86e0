#!/bin/bash
# A whole day of pools and miners, with as many shares as they send, through
# captured's ingest: no alert; and what should raise one does so once.
set -eu
cd "$(dirname "$0")/../.."
HS_DAY=full exec "${HS_BUILD:-$PWD/build}/unit/test_watch_day"
