#!/bin/sh
# Installs the commands, their pages and completions, and the units, below $DESTDIR$PREFIX (/usr/local unless it is set).
# Nothing is started and no user is made: systemd-sysusers and systemd-tmpfiles do that, or the next boot.
set -eu
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}$prefix
built=${CARGO_TARGET_DIR:-target}/release

cargo build --release --locked --package oncrpc-portmapper --package oncrpc-rpcgen

install -D --mode=755 "$built/rpcbind" "$root/sbin/rpcbind"
install -D --mode=755 --target-directory="$root/bin" "$built/rpcinfo" "$built/rpcping" "$built/rpcgen"

install -D --mode=644 --target-directory="$root/share/man/man1" rpcgen/rpcgen.1
install -D --mode=644 --target-directory="$root/share/man/man5" portmapper/man/*.5
install -D --mode=644 --target-directory="$root/share/man/man8" portmapper/man/*.8
for command in portmapper/completions/rpcbind portmapper/completions/rpcinfo portmapper/completions/rpcping rpcgen/completions/rpcgen; do
    install -D --mode=644 "$command.bash" "$root/share/bash-completion/completions/${command##*/}"
done
install -D --mode=644 --target-directory="$root/share/zsh/site-functions" portmapper/completions/_* rpcgen/completions/_*
install -D --mode=644 --target-directory="$root/share/fish/vendor_completions.d" \
    portmapper/completions/*.fish rpcgen/completions/*.fish

units=$root/lib/systemd/system
install -D --mode=644 portmapper/systemd/rpcbind.socket "$units/rpcbind.socket"
sed "s|^ExecStart=/sbin/|ExecStart=$prefix/sbin/|" portmapper/systemd/rpcbind.service >"$units/rpcbind.service"
ln -sf rpcbind.service "$units/portmap.service"
install -D --mode=644 portmapper/systemd/sysusers.conf "$root/lib/sysusers.d/rpcbind.conf"
install -D --mode=644 portmapper/systemd/tmpfiles.conf "$root/lib/tmpfiles.d/rpcbind.conf"
