#!/bin/sh
# Writes requirements/runtime.txt and requirements/dev.txt: every package pinned and hashed, with
# what builds the editable install, and no line that names an index. Run it on the oldest
# supported Python. `scripts/lock.sh --upgrade` moves to the newest versions.
set -eu
cd "$(dirname "$0")/.."
lock() {
    env -u PIP_FIND_LINKS CUSTOM_COMPILE_COMMAND="scripts/lock.sh" .venv/bin/pip-compile --quiet \
        --generate-hashes --strip-extras --allow-unsafe --no-config --build-deps-for editable \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host "$@" pyproject.toml
}
# The demo runs from the runtime lock, so its client is in it.
lock "$@" --extra demo --output-file requirements/runtime.txt
# The tests run with the very versions that a deployment runs with.
lock "$@" --extra demo --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
apart() {
    env -u PIP_FIND_LINKS CUSTOM_COMPILE_COMMAND="scripts/lock.sh" .venv/bin/pip-compile --quiet \
        --generate-hashes --strip-extras --allow-unsafe --no-config --no-emit-index-url \
        --no-emit-find-links --no-emit-trusted-host "$@"
}
# Beside the tests' versions; its wheels are for Linux only.
apart --output-file requirements/fuzz.txt requirements/fuzz.in
# What installs the others.
apart "$@" --output-file requirements/installer.txt requirements/installer.in
