#!/usr/bin/env bash
# Installs what tests need of the system, where it is missing, this is Debian's apt, and we may: Chromium for the page,
# curl, kcat and Node.js for the examples. Elsewhere it says what to install; the tests that need it fail and say so too.
set -euo pipefail

missing=()
command -v chromium chromium-browser google-chrome google-chrome-stable > /dev/null || missing+=(chromium)
for program in curl kcat; do
  command -v "$program" > /dev/null || missing+=("$program")
done
command -v node > /dev/null || missing+=(nodejs)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --quiet=2
  apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}" > /dev/null
else
  echo "tests need ${missing[*]}: install the packages of these names" >&2
fi
