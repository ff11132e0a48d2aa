#!/bin/sh
# Installs the Debian packages that the interop tests run against: the real rpcbind, rpcinfo, rpcgen, libtirpc; daemons that
# register, of NFS (rpc.statd, rpc.mountd, rpc.rquotad, nfs-ganesha), of NIS and others; a C compiler, and one for the C++ of libFuzzer; libnfs; groff and
# mandoc, which check the manual pages; systemd, which checks the units; dpkg-dev, which the package of rpcbind is made with;
# valgrind, which counts instructions.
# What is named on the command line is installed, too. Run as root; does nothing when everything is there. Nothing that it installs is started: the tests start their own daemons
# in private namespaces, and the machine's port 111 is none of their business.
set -eu

packages="rpcbind nfs-common libtirpc-dev rpcsvc-proto gcc g++ libc6-dev pkg-config make iproute2 util-linux coreutils dpkg-dev groff-base mandoc systemd libnfs-utils nfs-ganesha nfs-ganesha-vfs nfs-kernel-server quota rstatd rusers rusersd rwalld openbsd-inetd ypserv ypbind-mt yp-tools valgrind"

missing=""
for package in $packages "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "interop/install.sh: these packages are missing, and only root can install them:" >&2
    echo "    apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# Debian starts a daemon when its package is installed unless policy-rc.d says 101 (invoke-rc.d and deb-systemd-invoke ask it).
# Ours is put there while we install, and whatever was there before comes back.
policy=/usr/sbin/policy-rc.d
kept=""
restore() {
    if [ -n "$kept" ]; then mv -f "$kept" "$policy"; else rm -f "$policy"; fi
}
if [ -e "$policy" ] || [ -L "$policy" ]; then
    kept="$policy.before-interop"
    mv -f "$policy" "$kept"
fi
trap restore EXIT
trap 'exit 1' HUP INT TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
install() { apt-get install --yes --no-install-recommends -o Dpkg::Use-Pty=0 $missing; }
# The lists of packages are fetched only if those at hand do not do.
install >/dev/null 2>&1 || { apt-get update && install; }

# Where systemd runs, an installed rpcbind would be started at the next boot. Only an rpcbind that we brought is disabled.
case " $missing " in
*" rpcbind "*)
    if [ -d /run/systemd/system ]; then
        systemctl disable rpcbind.service rpcbind.socket >/dev/null 2>&1 || true
    fi
    ;;
esac
echo "interop/install.sh: installed$missing"
