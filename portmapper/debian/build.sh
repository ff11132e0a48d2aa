#!/bin/sh
# Builds the Debian package of rpcbind into a directory, and checks what is in it. What follows is for `cargo deb`.
set -eu
cd "$(dirname "$0")/../.."

directory=$(realpath --canonicalize-missing "$1")
shift
cargo deb --version >/dev/null 2>&1 || cargo install cargo-deb@3.8.0 --locked --debug --quiet
# A folder that is named with a slash at its end is made.
cargo deb --package oncrpc-portmapper --locked --output "$directory/" "$@"
sh portmapper/debian/check.sh "$directory"/*.deb
