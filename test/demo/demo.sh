#!/usr/bin/env bash
# The demo on a fresh clone: the machine's own Node may be too old for it, the pinned one comes with npm ci.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ ! -x node_modules/.bin/node ]; then
  echo 'node_modules is missing: running npm ci'
  npm ci --no-audit --no-fund
fi
exec node_modules/.bin/node test/demo/main.ts "$@"
