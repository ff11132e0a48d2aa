#!/bin/sh
# Instructions per call, counted by callgrind: what a driver, the ladder, a generated dispatcher and its handler cost for each
# call of a batch of 64. The same binary gives the same counts, whatever else the machine is doing.
set -eu
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "tests/counts.sh: needs valgrind (apt-get install valgrind)" >&2; exit 1; }
cargo build --quiet --release --locked --package oncrpc-tests --example serve_calls
program=${CARGO_TARGET_DIR:-target}/release/examples/serve_calls

instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 |
        awk '/Collected/ { print $4 }'
}

for load in null greet wait; do
    few=$(instructions "$load" 100)
    many=$(instructions "$load" 300)
    echo "$load: $(((many - few) / (200 * 64))) instructions per call"
done
cargo test --quiet --release --locked --package oncrpc-tests --test allocations -- --nocapture | grep 'allocations per call'
