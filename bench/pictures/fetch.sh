#!/usr/bin/env bash
# Makes the twelve pictures of README.md in target/bench-pictures/: downloads three Debian packages, checks what is taken
# from them, crops and scales it. Needs bench/peers/install.sh (for Pillow) and apt; does nothing that is done already.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=$root/target/bench-peers/venv/bin/python
[ -x "$python" ] || { echo "run bench/peers/install.sh first" >&2; exit 1; }
mkdir -p "$root/target/bench-pictures/packages"
cd "$root/target/bench-pictures/packages"

for package in lomiri-wallpapers-16.04 plasma-workspace-wallpapers wesnoth-1.16-trow; do
  [ -d "$package" ] && continue
  # apt's own user cannot write here, which it would complain of.
  apt-get download -o APT::Sandbox::User=root "$package"
  dpkg-deb --extract "$package"_*.deb "$package.part"
  mv "$package.part" "$package"
  rm "$package"_*.deb
done
sha256sum --quiet --check "$here/inputs.sha256"
"$python" "$here/make.py" "$here/inputs.sha256" "$root/target/bench-pictures"
