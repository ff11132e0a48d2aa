#!/bin/sh
# Fuzzes every target, or those that are named, for so many seconds each (default 60), two at once:
#
#     tests/fuzz/run.sh [SECONDS [TARGET...]]
#     tests/fuzz/run.sh --input TARGET ARGUMENT...        what libFuzzer is told, a file to run among it
#
# The stable toolchain has what is needed, behind a switch. The flags are those of cargo-fuzz: a counter at every edge, the
# values of comparisons, AddressSanitizer. All targets are in one binary, so that there is one such build.
set -eu
cd "$(dirname "$0")"

host=$(rustc --version --verbose | sed -n 's/^host: //p')
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$(cd ../.. && pwd)/target}"
fuzzer=$CARGO_TARGET_DIR/$host/release/oncrpc-fuzz
work=$CARGO_TARGET_DIR/fuzz

# The memory that the sanitizer holds is not the target's; where it was allocated is of use only when something is found.
export ASAN_OPTIONS=quarantine_size_mb=16:malloc_context_size=0:detect_stack_use_after_return=0:detect_leaks=0

# One target. What it finds stays in its folder below $work, and the next run goes on from there.
fuzz() {
    mkdir -p "$work/$1" "$work/none"
    regressions=regressions/$1
    [ -d "$regressions" ] || regressions=$work/none
    # rpcgen's tests have what a corpus could have, and more.
    case $1 in rpcgen_*) hazards=../../rpcgen/tests/hazards ;; *) hazards=$work/none ;; esac
    # A history is as telling if it is short, and many more are.
    case $1 in portmap_ops | server_conn | client_demux) longest=512 ;; *) longest=2048 ;; esac
    status=0
    FUZZ_TARGET=$1 "$fuzzer" "$work/$1" "corpus/$1" "$regressions" "$hazards" -artifact_prefix="$work/$1-" \
        -max_total_time="$2" -max_len=$longest -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=16 \
        -print_final_stats=1 >"$work/$1.log" 2>&1 || status=$?
    said() { sed -n "s/^stat::$2: *//p" "$work/$1.log"; }
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/$1.log" | tail -n 1)
    echo "$1: $(said "$1" number_of_executed_units) inputs, $(said "$1" average_exec_per_sec) in a second," \
        "$edges edges, $(said "$1" peak_rss_mb) MiB"
    [ "$status" -eq 0 ] && return
    # What was not so, and which input shows it.
    sed -n '/panicked at/,/^note:/p; /^==/p; /Test unit written/p' "$work/$1.log" | cut -c 1-1000 >&2
    echo "tests/fuzz/run.sh --input $1 FILE runs an input again; $work/$1.log says more" >&2
    return 1
}

if [ "${1:-}" = --one ]; then
    fuzz "$3" "$2"
    exit
fi

# The crates are those of the other workspace, and what libFuzzer needs.
cp ../../Cargo.lock .
flags="-Zsanitizer=address -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0"
RUSTC_BOOTSTRAP=1 RUSTFLAGS=$flags cargo build --quiet --release --target "$host"

if [ "${1:-}" = --input ]; then
    unset ASAN_OPTIONS
    export FUZZ_TARGET="$2"
    shift 2
    exec "$fuzzer" "$@"
fi

seconds=${1:-60}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(ls corpus)
printf '%s\n' "$@" | xargs -P 2 -n 1 sh ./run.sh --one "$seconds"
