#!/usr/bin/env bash
# Installs the peers of the pixels-* commands into target/bench-peers/: a Python venv, node_modules, and a built Next app.
# Run once (about a minute; needs python3, node 20, libvips and their registries); again after a change in this folder.
# Debian: apt install libvips42 libvips-tools
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
into=$here/../../target/bench-peers
export NEXT_TELEMETRY_DISABLED=1

mkdir -p "$into/next"
cd "$into"
[ -x venv/bin/python ] || python3 -m venv venv
venv/bin/pip install --quiet --requirement "$here/requirements.txt"
# Both locked, so that two installations are alike; the lock file names versions and digests, and no server.
cp "$here/package.json" "$here/package-lock.json" .
npm ci --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error
cp -r "$here/next/." next/
cd next
../node_modules/.bin/next build
