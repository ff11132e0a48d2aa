use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::unistd::Pid;

use crate::host::{Output, only_child};

/// A machine with a real systemd as its first process: the one that we run on, as it is installed, with namespaces
/// of its own and whatever it writes in memory.
///
/// Of its units those run that basic.target wants, and no others. What happens in it goes with it: packages can be
/// installed and removed, and daemons started and killed.
pub struct Machine {
    unshare: Child,
    init: Pid,
    shared: PathBuf,
}

impl Machine {
    /// Boots one (some 2 s).
    pub fn boot() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let shared = format!("oncrpc-machine-{}-{count}", std::process::id());
        let shared = std::env::temp_dir().join(shared);
        std::fs::create_dir(&shared).expect("the name is new");
        let news = UnixDatagram::bind(shared.join("notify")).expect("the name is new");
        news.set_read_timeout(Some(BOOT)).expect("it is a time");
        // Ends with us, however we end.
        let unshare = Command::new("setpriv")
            .args(["--pdeathsig=KILL", "unshare", "--mount"])
            .args(["sh", "-c", ENTER, "sh"])
            .arg(&shared)
            .arg(SET_UP)
            .stdin(Stdio::null())
            .spawn()
            .expect("setpriv runs");
        let mut said = [0; 4096];
        loop {
            let length = news.recv(&mut said).expect("systemd boots");
            let said = String::from_utf8_lossy(&said[..length]);
            if said.lines().any(|line| line == "READY=1") {
                break;
            }
        }
        let init = only_child(unshare.id()).expect("it waits for us");
        Self {
            unshare,
            init,
            shared,
        }
    }

    /// Runs a line of shell as root to its end, which must come within two minutes.
    pub fn run(&self, line: &str) -> Output {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.init))
            .args(["--net", "--mount", "--pid", "--uts", "--ipc", "--cgroup"])
            .args(["--root", "--wd", "--"])
            .args(["timeout", "--kill-after=1", "120s", "sh", "-c", line])
            .env_clear()
            .envs(ENVIRONMENT)
            .stdin(Stdio::null());
        let output = Output::from(command.output().expect("nsenter runs"));
        assert!(
            output.code != Some(124),
            "{line:?} has not ended: {output:?}"
        );
        output
    }

    /// Runs a line of shell that has to end well, and returns what it printed, without the blanks around it.
    #[track_caller]
    pub fn done(&self, line: &str) -> String {
        let output = self.run(line);
        assert!(output.code == Some(0), "{line}: {output:?}");
        output.stdout.trim().to_owned()
    }

    /// Gives it a file; where it finds it.
    pub fn share(&self, file: &Path) -> String {
        let name = file.file_name().expect("it is a file's path");
        std::fs::copy(file, self.shared.join(name)).expect("it is readable");
        format!("/run/host/{}", name.display())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With unshare goes the machine's first process, and with that all the others.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let mut tidy = Command::new("unshare");
        tidy.args(["--mount", "sh", "-c", TIDY, "sh"]);
        let _ = tidy.arg(&self.shared).status();
        let _ = std::fs::remove_dir_all(&self.shared);
    }
}

/// Longest time until the machine is up: only one that hangs should ever meet it.
const BOOT: Duration = Duration::from_secs(60);

const ENVIRONMENT: [(&str, &str); 4] = [
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LC_ALL", "C"),
    ("HOME", "/root"),
    ("DEBIAN_FRONTEND", "noninteractive"),
];

/// Enters a control group of the machine's own, which is all that its systemd is to see and kill, and then its
/// namespaces.
const ENTER: &str = r#"set -e
mkdir "$1/groups"
mount -t cgroup2 cgroup2 "$1/groups"
own=$1/groups$(sed -n 's/^0:://p' /proc/self/cgroup)/${1##*/}
mkdir "$own"
echo $$ >"$own/cgroup.procs"
exec unshare --kill-child --fork --net --mount --pid --uts --ipc --cgroup sh -c "$2" sh "$1"
"#;

/// Removes the control group when the last process has left it.
const TIDY: &str = r#"
mount -t cgroup2 cgroup2 "$1/groups"
own=$1/groups$(sed -n 's/^0:://p' /proc/self/cgroup)/${1##*/}
while [ -e "$own" ]; do
    find "$own" -depth -type d -exec rmdir {} + 2>/dev/null
done
"#;

/// Builds the machine from inside its new namespaces, and becomes systemd.
///
/// What belongs to the kernel that all share cannot be written.
const SET_UP: &str = r#"set -e
shared=$1
hostname machine
ip link set lo up
mount --make-rprivate /
mkdir "$shared/disk"
mount -t tmpfs -o mode=755 tmpfs "$shared/disk"
cd "$shared/disk"
mkdir changes work root
mount -t overlay -o lowerdir=/,upperdir=changes,workdir=work overlay root
cd root
mount -t proc proc proc
mount -o bind,ro proc/sys proc/sys
mount -o bind proc/sys/net proc/sys/net
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/host
mount --bind "$shared" run/host
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    : >dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
: >etc/fstab
rm -rf usr/sbin/policy-rc.d etc/systemd/system/*.wants
mkdir run/old
pivot_root . run/old
umount --lazy /run/old
rmdir /run/old
exec env -i container=oncrpc NOTIFY_SOCKET=/run/host/notify PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=basic.target --show-status=no
"#;
