#!/bin/sh
# Make .venv from uv.lock on a machine that has nothing but Python 3.11 or later and make.
# Every stage is skipped when its stamp is newer than what it is made from.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

find_python() {
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11)); ' 2>/dev/null || continue
        # The real path, not a shim that may point elsewhere tomorrow.
        "$name" -c 'import sys; print(sys.executable)'
        return 0
    done
    return 1
}

# Debian ships `venv` without the part that installs pip; it lies in python3.X-venv.
need_ensurepip() {
    "$python" -c 'import venv; from ensurepip import version' 2>/dev/null && return 0
    package="$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    command -v apt-get >/dev/null || fail "$python has no ensurepip; install the part of Python that brings it"
    if [ "$(id -u)" -ne 0 ]; then
        fail "$python cannot make a virtual environment; run: sudo apt-get install $package"
    fi
    say "installing $package"
    log="$(mktemp)"
    DEBIAN_FRONTEND=noninteractive apt-get install -y "$package" >"$log" 2>&1 ||
        { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y "$package"; } >"$log" 2>&1 ||
        { cat "$log" >&2; fail "could not install $package"; }
    rm -f "$log"
}

python="$(find_python)" || fail "no Python 3.11 or later on PATH; set PYTHON=/path/to/python3"

if [ ! -x .tools/bin/uv ] || [ ! .tools/stamp -nt tools/uv.txt ]; then
    need_ensurepip
    say "uv, hash-checked, with $("$python" -V)"
    "$python" -m venv --clear .tools
    .tools/bin/python -m pip install -qq --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes -r tools/uv.txt
    touch .tools/stamp
fi

if [ ! -x .venv/bin/python ] || [ ! .venv/stamp -nt uv.lock ] || [ ! .venv/stamp -nt pyproject.toml ]; then
    say "packages from uv.lock, hash-checked"
    # The system's certificate store, where there is one: it knows the proxy of the house.
    if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"; fi
    UV_PYTHON_DOWNLOADS=never .tools/bin/uv sync --quiet --locked --all-extras --compile-bytecode --python "$python"
    touch .venv/stamp
fi
# Processes start faster with bytecode, and some environments tell Python not to write any.
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m compileall -q gateway tests benchmarks
