#!/bin/sh
# The project's commands; `./do` alone lists them. Needs Python >= 3.11; everything else goes into .venv.
set -eu
cd "$(dirname "$0")"
venv=.venv
say() { printf '%s\n' "./do: $*" >&2; }
fail() { say "$*"; exit 1; }

# --- Python and the packages -----------------------------------------------------------------------------------------

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then return; fi
    done
    fail "Python 3.11 or newer is missing. Install it: sudo apt-get install python3 python3-venv"
}

# Debian's Python comes without ensurepip: then the system's pip or uv fills the environment from outside.
pip() {
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        "$venv/bin/python" -m pip --disable-pip-version-check "$@"
    elif "$python" -m pip --python "$venv/bin/python" --version >/dev/null 2>&1; then
        "$python" -m pip --disable-pip-version-check --python "$venv/bin/python" "$@"
    else
        uv pip "$@" --python "$venv/bin/python"
    fi
}

venv_works() { "$venv/bin/python" -c '' 2>/dev/null && pip list >/dev/null 2>&1; }

make_venv() {
    find_python
    if venv_works; then return; fi
    if "$python" -m venv --clear "$venv" >/dev/null 2>&1; then return; fi
    "$python" -m venv --clear --without-pip "$venv" >/dev/null 2>&1 || true
    if venv_works; then return; fi
    apt_install "$python-venv" || fail "Python comes without venv and pip. Install them: sudo apt-get install $python-venv"
    "$python" -m venv --clear "$venv"
}

# install runtime|dev: bring .venv to the locked versions, when they changed since the last time.
install() {
    wanted=$(cat "requirements/$1.txt" pyproject.toml | cksum)
    if "$venv/bin/python" -c '' 2>/dev/null && [ "$(cat "$venv/installed-$1" 2>/dev/null)" = "$wanted" ]; then return; fi
    make_venv
    say "installing requirements/$1.txt into $venv"
    pip install --quiet --no-deps --only-binary :all: --require-hashes -r "requirements/$1.txt"  # it names all there are
    pip install --quiet --no-deps --no-build-isolation -e .
    echo "$wanted" >"$venv/installed-$1"
}

# --- what the system has to give -------------------------------------------------------------------------------------

# Install Debian packages if we may; false if we may not or it fails.
apt_install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return 1; fi
    say "apt-get install $*"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq install --no-install-recommends "$@" >/dev/null ||
        { apt-get -qq update && apt-get -qq install --no-install-recommends "$@"; } >/dev/null
}

# The tests on PostgreSQL skip where there is none and list themselves; with CI set they fail.
want_postgres() {
    if "$venv/bin/python" -m tests.postgres_server; then return; fi
    apt_install postgresql postgresql-postgis ||
        say "tests on PostgreSQL cannot run. What they need: sudo apt-get install postgresql postgresql-postgis"
}

# The same for the tests of notifications over MQTT.
want_mosquitto() {
    if "$venv/bin/python" -m tests.mosquitto_server; then return; fi
    apt_install mosquitto openssl ||
        say "tests with an MQTT broker cannot run. What they need: sudo apt-get install mosquitto openssl"
}

# The same for the tests of pages in a browser.
want_chromium() {
    if "$venv/bin/python" -m tests.chromium 2>/dev/null; then return; fi
    apt_install chromium ||
        say "tests in a browser cannot run. What they need: sudo apt-get install chromium"
}

# --- the commands ----------------------------------------------------------------------------------------------------

verb=${1:-help}
if [ $# -gt 0 ]; then shift; fi
case $verb in
demo) #    start Stadtkern with demonstration data and print its addresses
    install runtime
    exec "$venv/bin/stadtkern" demo "$@" ;;
serve) #   start Stadtkern, set up by STADTKERN_… variables, in the foreground
    install runtime
    exec "$venv/bin/stadtkern" serve "$@" ;;
test) #    run the tests on every engine; arguments go to pytest: ./do test -k query
    install dev
    want_postgres
    want_mosquitto
    want_chromium
    exec "$venv/bin/python" -m pytest -n 2 --dist worksteal "$@" ;;
lint) #    check style, types, import contracts
    install dev
    export PYRIGHT_PYTHON_IGNORE_WARNINGS=1 # no look for newer versions on the network
    failed=
    "$venv/bin/ruff" check . || failed="$failed ruff"
    "$venv/bin/pyright" || failed="$failed pyright"
    "$venv/bin/lint-imports" || failed="$failed lint-imports"
    if [ -n "$failed" ]; then fail "lint fails:$failed"; fi ;;
format) #  put the Python files into the project's style
    install dev
    "$venv/bin/ruff" check --fix --exit-zero --quiet .
    "$venv/bin/ruff" format . ;;
bench) #   measure, as ratios to the bare server on this machine
    install dev
    exec "$venv/bin/python" -m benchmarks "$@" ;;
conform) # run the official NGSI-LD suite from a clone: ./do conform CLONE VENV
    install dev
    want_postgres
    exec "$venv/bin/python" -m conformance "$@" ;;
docs) #    write the generated pages of docs/ anew
    install dev
    "$venv/bin/python" -m tests.errors_page
    exec "$venv/bin/python" -m tests.command_page ;;
lock) #    resolve the dependencies anew; --upgrade takes the newest versions
    install dev
    for group in runtime dev; do
        if [ $group = dev ]; then set -- "$@" --group dev -c requirements/runtime.txt; fi
        "$venv/bin/uv" pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes \
            --no-emit-index-url --custom-compile-command './do lock' --quiet -o requirements/$group.txt "$@"
    done ;;
clean) #   remove .venv and the tools' caches
    rm -rf "$venv" .pytest_cache .ruff_cache .import_linter_cache .hypothesis ;;
*)
    echo "usage: ./do VERB [ARGUMENT ...]"
    sed -n 's/^\([a-z]*\)) # /  \1 /p' "$0"
    if [ "$verb" != help ]; then exit 2; fi ;;
esac
