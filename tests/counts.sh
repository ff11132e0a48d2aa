#!/bin/sh
# Instructions, counted by callgrind: the same program gives the same counts, whatever else the machine is doing.
#
#     sh tests/counts.sh           compares them with tests/counts.txt: more than 5 % above is a failure, more than 5 % below is to
#                                  be recorded
#     sh tests/counts.sh record    writes tests/counts.txt
#
# A count is what one more costs: the difference between two runs of different length. Those of another compiler, or with other
# versions of what is linked in, are printed beside the recorded ones and are no failure.
set -eu
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "tests/counts.sh: needs valgrind (apt-get install valgrind)" >&2; exit 1; }
# By themselves, as programs are built: beside an example, which is built as tests are, tokio would have the clock that tests can move.
cargo build --quiet --release --locked --package oncrpc-tests --bin serve_calls --bin make_calls
cargo build --quiet --release --locked --package oncrpc-tests --example codec --example look_ups
release=${CARGO_TARGET_DIR:-target}/release
programs=$release/examples

# instructions COMMAND...: how many that is, in all its threads.
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 | awk '/Collected/ { print $4 }'
}

# count NAME FEW MANY EACH COMMAND...: prints the name and what one of what the command does costs. FEW and MANY are the command's
# last word, and each of them is that many times EACH.
count() {
    name=$1 few=$2 many=$3 each=$4
    shift 4
    less=$(instructions "$@" "$few")
    more=$(instructions "$@" "$many")
    echo "$name $(((more - less) / ((many - few) * each)))"
}

# Each is of one call in a batch of 64 over a connection: driver, ladder, generated dispatcher and handler, or, as `call`, generated
# client, channel, call table and driver; or of one call's header, one small struct, one number or one entry of a directory's 10,000.
counted() {
    for load in null null-sys add-sys greet wait; do
        count "$load" 100 300 64 "$release/serve_calls" "$load"
    done
    # By itself: with what it takes to be woken, to read, to write and to wait again, the system calls left out.
    count alone 2000 6000 1 "$release/serve_calls" alone
    count call 20 60 64 "$release/make_calls" 64
    for case in header-decode small-encode small-decode small-borrow; do
        count "$case" 1000 3000 1 "$programs/codec" "$case"
    done
    # In thousandths, since a vector holds some of them.
    for case in numbers-encode numbers-decode; do
        count "1000-$case" 2 6 100 "$programs/codec" "$case"
    done
    for case in entries-encode entries-decode entries-borrow; do
        count "$case" 1 3 10000 "$programs/codec" "$case"
    done
    # What rpcbind does for a datagram, with so many registrations; and for each of them when a DUMP is encoded.
    for registered in 10 10000; do
        for load in getport getaddr; do
            count "$load-$registered" 10000 30000 1 "$programs/look_ups" "$load" "$registered"
        done
    done
    count dump-entry 2 12 10000 "$programs/look_ups" dump 10000
}

# What the counts depend on besides our own code: the compiler, and the versions of what is linked in.
made_by() {
    rustc --version
    linked=$(cargo tree --locked --package oncrpc-tests --edges normal --prefix none | awk '{ print $1, $2 }' | sort -u)
    echo "linked $(echo "$linked" | cksum | cut -d ' ' -f 1)"
}

recorded=tests/counts.txt
new=$(made_by; counted)
if [ "${1:-}" = record ]; then
    { echo '# Written by `sh tests/counts.sh record`, which says what is counted.'; echo "$new"; } >"$recorded"
    cat "$recorded"
    exit 0
fi

echo "$new" | awk -v recorded="$recorded" '
    BEGIN {
        while ((getline line < recorded) > 0) {
            split(line, word, " ")
            if (word[1] == "rustc" || word[1] == "linked") made_by[word[1]] = line
            else if (word[1] != "#") before[word[1]] = word[2]
        }
    }
    $1 == "rustc" || $1 == "linked" {
        if (made_by[$1] != $0) {
            other = 1
            print "not comparable: recorded with \"" made_by[$1] "\", counted with \"" $0 "\""
        }
        next
    }
    {
        verdict = ""
        if (!($1 in before)) verdict = "not recorded"
        else if ($2 > before[$1] * 1.05) { verdict = "MORE THAN 5 % ABOVE"; failed = !other }
        else if ($2 < before[$1] * 0.95) { verdict = "more than 5 % below: record it (sh tests/counts.sh record)" }
        printf "%-20s %8d  recorded %8d  %s\n", $1, $2, before[$1], verdict
        if (verdict == "not recorded") failed = 1
        delete before[$1]
    }
    END {
        for (name in before) { print name ": recorded, and no longer counted"; failed = 1 }
        exit failed
    }'
