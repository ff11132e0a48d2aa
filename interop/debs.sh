#!/bin/sh
# What the tests of packages need, in cargo's target directory: the Debian package of rpcbind, as it is and as if another day
# had another one, and Debian's own.
set -eu
cd "$(dirname "$0")/.."

debs=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")/debian
rm -rf "$debs"
sh portmapper/debian/build.sh "$debs/ours"
sh portmapper/debian/build.sh "$debs/newer" --no-build --deb-revision 2
mkdir "$debs/theirs"
cd "$debs/theirs"
apt-get download rpcbind
