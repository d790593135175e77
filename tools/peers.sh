#!/bin/sh
# Make the environments that peers live in below $1, one each: their pins contradict
# each other and ours, so they are never dependencies.
set -eu
folder=$1

make_one() {
    name=$1
    shift
    [ -x "$folder/$name/bin/python" ] || python3 -m venv "$folder/$name"
    "$folder/$name/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

make_one cryptofeed 'cryptofeed==2.4.1' 'uvloop==0.22.1'
make_one ccxt 'ccxt==4.5.90'
