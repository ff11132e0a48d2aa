//! The NFS example: its server with libnfs' programs, its client with our server and with nfs-ganesha.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::OnceLock;

use oncrpc_interop::{Daemon, Host, Output, Ready, Which, needs_root, ours};

/// What is served, seen from inside the host.
const EXPORT: &str = "/run/export";

/// Bytes of the large file: more than one READ carries, and not a multiple of anything.
const LARGE: usize = 5 * 1024 * 1024 + 3;

/// Files in the large directory: more than one page holds.
const MANY: usize = 5_000;

/// A host with a directory to be served.
fn host() -> Host {
    let host = Host::new();
    let export = host.path(EXPORT);
    let at = |name: &str| export.join(name);
    let made = (|| {
        for dir in ["", "empty", "many", "sub/deep"] {
            fs::create_dir_all(at(dir))?;
        }
        fs::write(at("small"), "hello\n")?;
        let large: Vec<u8> = (0..LARGE).map(|at| ((at * 7919) >> 8) as u8).collect();
        fs::write(at("large"), large)?;
        fs::write(at("sub/deep/file"), "deep\n")?;
        // A name that is no UTF-8, as files may have it.
        fs::write(
            export.join(std::ffi::OsStr::from_bytes(b"n\xff\xfe")),
            "odd\n",
        )?;
        symlink("small", at("link"))?;
        symlink("/etc/passwd", at("escape"))?;
        for n in 0..MANY {
            fs::write(at(&format!("many/file-{n}")), "")?;
        }
        Ok::<(), std::io::Error>(())
    })();
    assert!(made.is_ok(), "{made:?}");
    host
}

/// Our server, registered with Debian's rpcbind.
fn our_server(host: &Host) -> Daemon {
    static OURS: OnceLock<PathBuf> = OnceLock::new();
    let program = OURS.get_or_init(|| ours("ONCRPC_NFS_SERVE", "oncrpc-nfs", "nfs-serve"));
    let mut command = host.command(0, program);
    command.arg(EXPORT);
    host.start(command, Ready::Line)
}

/// nfs-ganesha, registered with Debian's rpcbind.
fn ganesha(host: &Host) -> Daemon {
    let config = format!(
        "NFS_CORE_PARAM {{ Protocols = 3; Enable_NLM = false; Enable_RQUOTA = false; \
         mount_path_pseudo = false; }}\n\
         EXPORT {{ Export_Id = 1; Path = {EXPORT}; Pseudo = /export; Access_Type = RO; \
         Squash = No_Root_Squash; SecType = sys, none; Protocols = 3; Transports = TCP, UDP; \
         FSAL {{ Name = VFS; }} }}\n"
    );
    let written = fs::write(host.path("/run/ganesha.conf"), config);
    assert!(written.is_ok(), "{written:?}");
    let mut command = host.command(0, "sh");
    // It says nothing when it is ready: it is as soon as it answers.
    command.args([
        "-c",
        "mkdir -p /run/ganesha\n\
         ganesha.nfsd -F -f /run/ganesha.conf -L /run/ganesha.log -p /run/ganesha.pid &\n\
         until rpcinfo -t 127.0.0.1 100003 3 >/dev/null 2>&1 \
            && rpcinfo -t 127.0.0.1 100005 3 >/dev/null 2>&1; do :; done\n\
         echo ready\n\
         wait",
    ]);
    host.start(command, Ready::Line)
}

/// Runs our client.
fn our_client(host: &Host, words: &str) -> Output {
    static OURS: OnceLock<PathBuf> = OnceLock::new();
    let program = OURS.get_or_init(|| ours("ONCRPC_NFS_CLIENT", "oncrpc-nfs", "nfs-client"));
    host.run(&format!("{} 127.0.0.1 {EXPORT} {words}", program.display()))
}

/// Runs one of libnfs' programs on a path below the directory that is served.
fn libnfs(host: &Host, program: &str, path: &str, behind: &str) -> Output {
    host.run(&format!(
        "{program} 'nfs://127.0.0.1{EXPORT}{path}?version=3' {behind}"
    ))
}

#[test]
fn libnfs_lists_and_reads_what_we_serve() {
    needs_root!();
    let host = host();
    let _rpcbind = host.rpcbind(Which::Theirs, &[]);
    let _server = our_server(&host);
    let listed = libnfs(&host, "nfs-ls", "", "").success();
    for name in ["empty", "escape", "large", "link", "many", "small", "sub"] {
        let found = listed
            .lines()
            .any(|line| line.ends_with(&format!(" {name}")));
        assert!(found, "{name}: {listed}");
    }
    assert!(listed.contains(&format!(" {LARGE} large")), "{listed}");
    let many = libnfs(&host, "nfs-ls", "/many", "| sort -u | wc -l");
    assert_eq!(many.success().trim(), MANY.to_string());
    let deep = libnfs(&host, "nfs-cat", "/sub/deep/file", "");
    assert_eq!(deep.success(), "deep\n");
    // It follows the link itself.
    assert_eq!(libnfs(&host, "nfs-cat", "/link", "").success(), "hello\n");
    let same = format!("| cmp - {EXPORT}/large");
    assert_eq!(libnfs(&host, "nfs-cat", "/large", &same).success(), "");
    let escaped = libnfs(&host, "nfs-cat", "/escape", "");
    assert!(
        escaped.code != Some(0) && escaped.stdout.is_empty(),
        "{escaped:?}"
    );
    let absent = libnfs(&host, "nfs-cat", "/absent", "");
    assert!(absent.code != Some(0), "{absent:?}");
    let outside = host.run("nfs-ls 'nfs://127.0.0.1/run?version=3'");
    assert!(outside.stderr.contains("MNT3ERR_NOENT"), "{outside:?}");
    let copied = format!("nfs-cp {EXPORT}/small 'nfs://127.0.0.1{EXPORT}/new?version=3'");
    let copied = host.run(&copied);
    assert!(copied.stderr.contains("NFS3ERR_ROFS"), "{copied:?}");
}

/// What our client says of the directory, whoever serves it.
fn our_client_lists_and_reads(host: &Host) {
    let listed = our_client(host, "ls").success();
    let names: Vec<_> = listed
        .lines()
        .filter_map(|line| line.split(' ').next_back())
        .collect();
    let odd = "n\u{fffd}\u{fffd}";
    assert_eq!(
        names,
        [
            "empty", "escape", "large", "link", "many", odd, "small", "sub"
        ]
    );
    assert_eq!(our_client(host, "ls empty").success(), "");
    let many = our_client(host, "ls many | sort -u | wc -l");
    assert_eq!(many.success().trim(), MANY.to_string());
    assert_eq!(our_client(host, "cat sub/deep/file").success(), "deep\n");
    let same = format!("cat large | cmp - {EXPORT}/large");
    assert_eq!(our_client(host, &same).success(), "");
    let stat = our_client(host, "stat link").success();
    assert!(
        stat.starts_with("l0777   1     0     0            5 "),
        "{stat}"
    );
    // A link is told, not followed, so that nothing leads out of the directory.
    for (words, refusal) in [
        ("cat absent", "ErrNoent"),
        ("cat escape", "ErrInval"),
        ("ls small", "ErrNotdir"),
        ("cat ../../etc/passwd", "ErrNoent"),
    ] {
        let refused = our_client(host, words);
        let said = format!("nfs-client: the server refuses: {refusal}\n");
        assert_eq!((refused.stderr, refused.code), (said, Some(1)), "{words}");
    }
}

#[test]
fn our_client_lists_and_reads_what_we_serve() {
    needs_root!();
    let host = host();
    let _rpcbind = host.rpcbind(Which::Ours, &[]);
    let server = our_server(&host);
    our_client_lists_and_reads(&host);
    assert_eq!(server.terminate().code, Some(0));
    let gone = our_client(&host, "ls");
    assert!(gone.stderr.contains("100005"), "{gone:?}");
}

#[test]
fn our_client_lists_and_reads_what_ganesha_serves() {
    needs_root!();
    let host = host();
    let _rpcbind = host.rpcbind(Which::Theirs, &[]);
    let _server = ganesha(&host);
    our_client_lists_and_reads(&host);
}
