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
stack=$(mktemp -d "${TMPDIR:-/tmp}/riverbend-test.XXXXXX")
down() {
  code=$?
  trap - EXIT INT TERM
  if [ $code -ne 0 ] && [ -n "${RIVERBEND_TEST_KEEP:-}" ]; then
    echo "kept: $stack (npm run stack -- clean --dir $stack)" >&2
  else
    [ ! -f "$stack/stack.json" ] || "$node" test/stack/main.ts clean --dir "$stack" >/dev/null || code=1
    rm -rf "$stack"
  fi
  exit $code
}
trap down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
"$node" test/stack/main.ts up --dir "$stack" --port-base auto --env-file "$stack/env" >/dev/null
. "$stack/env"

echo '--- tests'
# one file at a time: the servers are shared, and there may be two cores only
"$node" --test --test-concurrency=1 --test-timeout=900000 \
  --disable-warning=TimeoutNegativeWarning --disable-warning=ExperimentalWarning \
  "${RIVERBEND_TEST_FILES:-test/{unit,contract,golden,integration,e2e,chaos\}/**/*.test.ts}"
exit $check
