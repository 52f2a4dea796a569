#!/usr/bin/env bash
# npm test: type check, lint, and every test, on real servers that this run starts and stops itself.
#   RIVERBEND_TEST_FILES='test/integration/**/*.test.ts'  only these
# The last lines are the test runner's own count. Exit code: the runner's, or 1 when only the check failed.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ ! -x node_modules/.bin/node ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund
fi
node=$PWD/node_modules/.bin/node # the pinned Node, whatever the machine's own is
export PATH="$PWD/node_modules/.bin:$PATH"

echo '--- type check and lint'
check=0
tsc -p . || check=1
biome check --config-path=.ci/lint.json . || check=1
[ $check = 0 ] || echo 'type check or lint failed: this run fails, whatever the tests say' >&2

echo '--- starting MySQL, MariaDB, Kafka, the registry and Databend'
# Ends every stack below a folder, also those that single tests started, and removes the folder.
remove() {
  find "$1" -name stack.json | while read -r file; do "$node" test/stack/main.ts clean --dir "$(dirname "$file")" >/dev/null; done
  rm -rf "$1"
}
# what a run that was killed has left behind
for left in "${TMPDIR:-/tmp}"/riverbend-test.*; do
  if [ -O "$left" ] && [ -f "$left/owner" ] && ! kill -0 "$(cat "$left/owner")" 2>/dev/null; then
    remove "$left"
  fi
done
stack=$(mktemp -d "${TMPDIR:-/tmp}/riverbend-test.XXXXXX")
echo $$ >"$stack/owner"
mkdir "$stack/tmp"
export TMPDIR="$stack/tmp"
runner=
down() {
  code=$?
  trap - EXIT INT TERM
  [ -z "$runner" ] || { kill "$runner" 2>/dev/null && wait "$runner"; } || true
  remove "$stack" || code=1
  exit $code
}
trap down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$node" test/stack/main.ts up --dir "$stack/servers" --port-base auto --exports "$stack/env" >/dev/null
. "$stack/env"

echo '--- tests'
# one file at a time: the servers are shared, and there may be two cores only
"$node" --test --test-concurrency=1 --test-timeout=900000 \
  --disable-warning=TimeoutNegativeWarning --disable-warning=ExperimentalWarning \
  "${RIVERBEND_TEST_FILES:-test/{unit,contract,golden,integration,e2e,chaos\}/**/*.test.ts}" &
runner=$! # in the background, so that a signal to this script is not kept waiting
wait "$runner"
runner=
exit $check
