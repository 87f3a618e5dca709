#!/usr/bin/env bash
# Installs OpenAI's libraries for the programs here into target/openai/: a Python venv and node_modules, both locked.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
into=$here/../../target/openai
mkdir -p "$into"
cd "$into"
[ -x venv/bin/pip ] || python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
cp "$here"/package.json "$here"/package-lock.json "$here"/program.mjs .
npm ci --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error >/dev/null
