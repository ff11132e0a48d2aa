#!/bin/sh
# The tour: builds everything, starts rpcbind, registers a service made of hello.x, lists it and calls it. As root rpcbind takes
# its usual place if that is free; otherwise it gets a port and a socket of its own, which are printed.
set -eu
cd "$(dirname "$0")/../../.."

cargo build --release --locked --package oncrpc-portmapper --package oncrpc-hello
bin=${CARGO_TARGET_DIR:-$PWD/target}/release
dir=$(mktemp -d)
chmod 755 "$dir" # rpcbind does not stay root
rpcbind_pid=
server_pid=
finish() {
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null || :
    [ -z "$server_pid" ] || wait "$server_pid" || :
    [ -z "$rpcbind_pid" ] || kill "$rpcbind_pid" 2>/dev/null || :
    [ -z "$rpcbind_pid" ] || wait "$rpcbind_pid" || :
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

say() { printf '\n== %s\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }

# Waits until a command succeeds; gives up after ten seconds.
until_works() {
    tries=100
    until "$@" >"$dir/try" 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { cat "$dir/try" >&2; exit 1; }
        sleep 0.1
    done
}

PATH=$bin:$PATH
if [ "$(id -u)" -eq 0 ] && [ ! -e /run/rpcbind.sock ] && ! hello-client --rpcbind tcp:127.0.0.1:111 tcp localhost list >/dev/null 2>&1; then
    where=this-host
    say "rpcbind takes its usual place: port 111 and /run/rpcbind.sock"
    rpcbind -f -w &
else
    port=$((20000 + $$ % 20000))
    where=unix:$dir/rpcbind.sock
    say "port 111 is taken, or not ours to take: rpcbind gets port $port and $dir/rpcbind.sock"
    rpcbind -f -w --port "$port" --socket "$dir/rpcbind.sock" --state-dir "$dir/state" --lock "$dir/rpcbind.lock" &
fi
rpcbind_pid=$!
until_works hello-client --rpcbind "$where" tcp localhost list

say "a server made of hello.x registers"
hello-server --rpcbind "$where" --tcp 127.0.0.1:0 --udp 127.0.0.1:0 --unix "$dir/hello.sock" &
server_pid=$!
until_works hello-client --rpcbind "$where" tcp localhost null

say "it is listed"
run hello-client --rpcbind "$where" tcp localhost list

say "it is called"
run hello-client --rpcbind "$where" tcp localhost greet world
run hello-client --rpcbind "$where" udp localhost add 40 2
run hello-client --rpcbind "$where" local localhost area circle 1
run hello-client --rpcbind "$where" tcp localhost echo 300000
run hello-client --rpcbind "$where" tcp localhost guests

say "it is called by its standard input, without rpcbind"
run hello-client tcp "stdio:hello-server --stdin" greet "standard input"
say "done; rpcbind and the server are ended"
