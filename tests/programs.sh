#!/usr/bin/env bash
# Installs what tests need of the system, where it is missing, this is Debian's apt, and we may: Chromium for the page,
# curl, kcat and Node.js for the examples, and Prometheus for the alerts and dashboards. Elsewhere it says what to
# install; the tests that need it fail and say so too.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v chromium chromium-browser google-chrome google-chrome-stable > /dev/null || missing+=(chromium)
for program in curl kcat; do
  command -v "$program" > /dev/null || missing+=("$program")
done
command -v node > /dev/null || missing+=(nodejs)
prometheus=()
for program in prometheus promtool; do
  command -v "$program" > /dev/null || [ -x ".venv/bin/$program" ] || prometheus+=("$program")
done
[ ${#missing[@]} -gt 0 ] || [ ${#prometheus[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
  echo "installing ${missing[*]} ${prometheus[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --quiet=2
  [ ${#missing[@]} = 0 ] || apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}" > /dev/null
  if [ ${#prometheus[@]} -gt 0 ]; then
    # its two programs alone, unpacked beside ours: the package as a whole would start a server on every address
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    (cd "$folder" && apt-get download --quiet=2 prometheus 2> /dev/null)
    dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb |
      tar --extract --directory=.venv/bin --strip-components=3 ./usr/bin/prometheus ./usr/bin/promtool
  fi
else
  echo "tests need ${missing[*]} ${prometheus[*]}: install the packages of these names" >&2
fi
