#!/usr/bin/env bash
# Installs the baseline beside this file: a Python venv, node_modules, and Next's production build.
# Run once (about a minute, needs python3, node 20 and their registries); again after a change in next/.
set -euo pipefail
cd "$(dirname "$0")"
export NEXT_TELEMETRY_DISABLED=1

[ -x venv/bin/python ] || python3 -m venv venv
venv/bin/pip install --quiet --requirement requirements.txt
cd next
[ -d node_modules ] || npm ci --no-audit --no-fund
npm run build
