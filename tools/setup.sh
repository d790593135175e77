#!/bin/sh
# Make the environment $1 and install $2 (with its extras) into it, with uv if it is
# there, else with the oldest tool that does: a Python of at least 3.11 and its pip.
set -eu
venv=$1
what=$2

usable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$name" >/dev/null 2>&1 && usable "$name"; then
            command -v "$name"
            return
        fi
    done
    echo "washout needs Python 3.11 or newer; none was found on PATH." >&2
    echo "Install one (Debian: apt-get install python3 python3-venv) and try again." >&2
    exit 1
}

if command -v uv >/dev/null 2>&1; then
    [ -x "$venv/bin/python" ] || uv venv --quiet --python '>=3.11' "$venv"
    uv pip install --quiet --python "$venv/bin/python" -c constraints.txt -e "$what"
    exit
fi
if [ ! -x "$venv/bin/python" ] || ! usable "$venv/bin/python"; then
    python=$(find_python)
    rm -rf "$venv"
    "$python" -m venv "$venv" || {
        echo "$python cannot make environments. Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    -c constraints.txt -e "$what"
