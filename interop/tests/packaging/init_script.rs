//! The script of SysV, for hosts without systemd.

use oncrpc_interop::{Host, Which, needs_root};

use crate::portmapper;

/// What administrators and the system say to it in turn, and the status that it ends with.
const CONVERSATION: [(&str, i32); 10] = [
    ("reload", 1),
    ("status", 3),
    ("start", 0),
    ("start", 0),
    ("status", 0),
    ("restart", 0),
    ("force-reload", 0),
    ("status", 0),
    ("stop", 0),
    ("stop", 0),
];

/// A service whose registrations are to outlive each restart; it is in the background when it has registered.
const STATD: &str = "mkdir -p /var/lib/nfs/sm /var/lib/nfs/sm.bak && chown -R statd /var/lib/nfs && rpc.statd --no-notify";

#[test]
fn the_init_script_starts_and_stops_it_as_debians_does() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let script = match which {
            Which::Theirs => "/etc/init.d/rpcbind".into(),
            Which::Ours => {
                let program = which.rpcbind();
                let mount = format!("mount --bind {} /usr/sbin/rpcbind", program.display());
                host.run(&mount).success();
                portmapper("debian/rpcbind.init")
            }
        };
        // As at boot: what is in /run is made by the script.
        host.run("rmdir /run/rpcbind && mkdir /run/sendsigs.omit.d")
            .success();
        let say = |(word, status)| {
            let said = host.run(&format!("sh {} {word}", script.display()));
            assert_eq!(said.code, Some(status), "{which:?} {word}: {said:?}");
        };
        let (first, rest) = CONVERSATION.split_at(3);
        first.iter().copied().for_each(say);
        let directory = host.run("stat -c %U:%G:%a /run/rpcbind").success();
        assert_eq!(directory, "_rpc:root:755\n", "{which:?}");
        host.run("test \"$(cat /run/sendsigs.omit.d/rpcbind)\" = \"$(pidof rpcbind)\"")
            .success();
        let statd = host.run(STATD);
        assert_eq!(statd.code, Some(0), "{which:?}: {statd:?}");
        for &(word, status) in rest {
            say((word, status));
            if word != "stop" {
                let listed = host.run("rpcinfo -p").success();
                assert!(listed.contains("status"), "{which:?} {word}: {listed}");
            }
        }
        host.run("! pidof rpcbind").success();
    }
}
