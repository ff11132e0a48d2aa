//! What every release has left, and Debian's rpcbind: each is read for ever.
//!
//! In all of them five services were registered and the daemon was told to end. The next one of ours then removed version 4
//! of NFS from TCP over IPv6, registered it over UDP, removed the status monitor, and was killed.

use std::fs;
use std::path::{Path, PathBuf};

use oncrpc_portmapper::registry::{Entry, Owner};

use crate::daemon::Daemon;
use crate::disk::{Image, Memory};

fn left_by(who: &str) -> PathBuf {
    let left = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/left");
    left.join(who)
}

/// The files of these names.
fn image(who: &str, names: &[&str]) -> Image {
    let file = |name: &&str| fs::read(left_by(who).join(name)).unwrap();
    names.iter().fold(Image::default(), |image, name| {
        image.with(name, &file(name))
    })
}

fn registered(image: Image) -> Vec<Entry> {
    let daemon = Daemon::start(Memory::holding(image));
    let registered = daemon.registry.registered();
    registered.map(|there| there.entry()).collect()
}

fn entry((program, version): (u32, u32), netid: &str, uaddr: &str, owner: Owner) -> Entry {
    Entry::new((program, version), &netid.into(), &uaddr.into(), owner).unwrap()
}

/// What was registered, in order: NFS twice, the status monitor, a program of nobody's, the mount daemon.
fn services() -> [Entry; 5] {
    let (root, user) = (Owner::Superuser, Owner::User(103));
    [
        entry((100_003, 3), "tcp", "0.0.0.0.8.1", root.clone()),
        entry((100_003, 4), "tcp6", "::.8.1", root.clone()),
        entry((100_024, 1), "udp", "0.0.0.0.171.205", root),
        entry((400_000, 1), "local", "/run/hello.sock", user.clone()),
        entry((100_005, 1), "udp", "127.0.0.1.3.255", user),
    ]
}

#[test]
fn what_each_release_left_is_read() {
    let nfs4 = entry((100_003, 4), "udp", "0.0.0.0.8.1", Owner::Superuser);
    let [nfs3, _, _, hello, mountd] = services();
    let expected = [nfs3, hello, mountd, nfs4];
    let ours = ["journal", "rpcbind.xdr", "portmap.xdr"];
    for release in fs::read_dir(left_by("")).unwrap() {
        let name = release.unwrap().file_name().into_string().unwrap();
        if name.starts_with("oncrpc-") {
            assert_eq!(registered(image(&name, &ours)), expected, "{name}");
            assert_eq!(registered(image(&name, &ours[1..])), services(), "{name}");
        }
    }
    let own = left_by(&format!("oncrpc-{}", env!("CARGO_PKG_VERSION")));
    assert!(
        own.exists(),
        "a release leaves its state here: {}",
        own.display()
    );
}

#[test]
fn what_rpcbind_left_is_read() {
    let theirs = "rpcbind-1.2.6";
    assert_eq!(
        registered(image(theirs, &["rpcbind.xdr", "portmap.xdr"])),
        services()
    );
    // Version 2 has ports only, and no owners.
    let of_version_2 = [
        entry((100_003, 3), "tcp", "0.0.0.0.8.1", Owner::Superuser),
        entry((100_024, 1), "udp", "0.0.0.0.171.205", Owner::Superuser),
        entry((100_005, 1), "udp", "0.0.0.0.3.255", Owner::Superuser),
    ];
    assert_eq!(registered(image(theirs, &["portmap.xdr"])), of_version_2);
}

#[test]
fn what_is_written_today_is_what_this_release_left() {
    let release = concat!("oncrpc-", env!("CARGO_PKG_VERSION"));
    let disk = Memory::holding(image(release, &["rpcbind.xdr", "portmap.xdr"]));
    let mut daemon = Daemon::start(disk.clone());
    let [_, nfs4, status, ..] = services();
    let nfs4_udp = Entry {
        netid: "udp".into(),
        uaddr: "0.0.0.0.8.1".into(),
        ..nfs4.clone()
    };
    assert!(daemon.unset_from(&nfs4, ""));
    assert!(daemon.set(&nfs4_udp));
    assert!(daemon.unset_from(&status, "udp"));
    let expected = image(release, &["journal"]);
    assert!(disk.image().read("journal") == expected.read("journal"));
}
