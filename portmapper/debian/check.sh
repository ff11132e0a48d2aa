#!/bin/sh
# Compares a package of rpcbind with what it has to hold: `contents`, beside this.
set -eu
export LC_ALL=C

package=$1
here=$(dirname "$0")
{
    # Mode and name of each file, and of each link where it leads to; directories go without saying.
    dpkg-deb --contents "$package" | awk '!/^d/ { print $1, $6, $7, $8 }' | sed 's/ *$//' | sort
    echo
    control=$(mktemp -d)
    trap 'rm -r "$control"' EXIT
    dpkg-deb --control "$package" "$control"
    sed 's/^/conffile /' "$control/conffiles" | sort
    for script in "$control"/p*; do
        sh -n "$script"
        echo "script ${script##*/}"
    done
    echo
    for field in Package Conflicts Replaces Provides; do
        echo "$field: $(dpkg-deb --field "$package" "$field")"
    done
} | diff "$here/contents" - || {
    echo "$package is not what $here/contents says" >&2
    exit 1
}
