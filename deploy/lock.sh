#!/usr/bin/env bash
# Derives the image's locks from the project's: the same versions, with what sends traces, without the development
# group and the embedded servers. Run it after every change of requirements.lock; tests/deploy notice when it was not.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() {  # lock OUT SOURCE...: universal and hashed, and without addresses, so that any index serves it
  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-header --no-annotate --constraints requirements.lock --output-file "$@"
}

rm -f deploy/requirements.lock deploy/build.lock
lock deploy/requirements.lock pyproject.toml --extra tracing
lock deploy/build.lock - <<< 'hatchling'
