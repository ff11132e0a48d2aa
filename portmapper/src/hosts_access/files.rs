//! The files, read again when they have changed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{Host, Table, permits};
use crate::keyed::Keyed;
use oncrpc::fields;

/// Who may call, as the files say it now.
///
/// The text is parsed when its file is another one, or has another time or length, than last time; whether it is, is
/// looked at once in 10 ms, so that a crowd of callers does not cost a stat(2) for each call and file. In
/// between callers whose address was judged already are judged the same; and where there is no rule at all, as on most hosts,
/// nobody is judged.
#[derive(Debug)]
pub struct HostsAccess {
    allow: PathBuf,
    deny: PathBuf,
    hosts: PathBuf,
    /// What is known of the files; nothing at first.
    known: Mutex<Option<Known>>,
    /// When the files are looked at again if there is no rule in them, in nanoseconds; 0 if there is one.
    open_until: AtomicU64,
}

#[derive(Debug)]
struct Known {
    allow: Table,
    deny: Table,
    /// The names of hosts, where the tables ask for any.
    names: HashMap<IpAddr, String>,
    /// Who was judged by these tables, so many addresses at most.
    judged: HashMap<IpAddr, bool, Keyed>,
    /// When the files are looked at again.
    next_look: Duration,
    /// The files that all this was read from, as they were.
    read_from: Vec<(PathBuf, Option<Stamp>)>,
}

/// By what a file is known to be the same as before; editors put a new one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

// Where libwrap and the C library have them.
const ALLOW: &str = "/etc/hosts.allow";
const DENY: &str = "/etc/hosts.deny";
const HOSTS: &str = "/etc/hosts";

/// Time for which the files are not looked at again: an edit counts after it at the latest, give or take what the clock lags.
///
/// For whoever edits them that is at once; and two stat(2) of 1 µs each, a hundred times a second, are nothing beside
/// 100,000 calls.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(10);

/// Addresses whose judgement is remembered; then all are judged anew.
const REMEMBERED: usize = 1024;

impl HostsAccess {
    /// The files of this host.
    pub fn of_this_host() -> Self {
        Self::at(ALLOW, DENY, HOSTS)
    }

    /// These files, the last of them like /etc/hosts.
    pub fn at(
        allow: impl Into<PathBuf>,
        deny: impl Into<PathBuf>,
        hosts: impl Into<PathBuf>,
    ) -> Self {
        Self {
            allow: allow.into(),
            deny: deny.into(),
            hosts: hosts.into(),
            known: Mutex::default(),
            open_until: AtomicU64::new(0),
        }
    }

    /// Whether who calls from this address may, so long after any one moment.
    #[inline]
    pub fn permits(&self, client: IpAddr, now: Duration) -> bool {
        let is_open = nanoseconds(now) < self.open_until.load(Ordering::Relaxed);
        is_open || self.permits_by_rules(client, now)
    }

    #[inline(never)]
    fn permits_by_rules(&self, client: IpAddr, now: Duration) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.as_mut().is_some_and(|known| known.is_current(now)) {
            *known = None;
        }
        let known = known.get_or_insert_with(|| self.read(now));
        let open_until = match known.has_rules() {
            true => 0,
            false => nanoseconds(known.next_look),
        };
        self.open_until.store(open_until, Ordering::Relaxed);
        known.permits(client.to_canonical())
    }

    /// The directories where the files are, and those that patterns name. Each is known by its directory, since
    /// editors put a new one in its place; one that is a link is where it leads, too. (A file in the root directory
    /// stands for itself.)
    pub fn directories(&self) -> Vec<PathBuf> {
        let known = self.read(Duration::ZERO);
        let named = known.read_from.iter().map(|(path, _)| path.clone());
        let files: Vec<PathBuf> = named.chain([self.hosts.clone()]).collect();
        let targets = files.iter().filter_map(|file| fs::canonicalize(file).ok());
        let mut directories: Vec<PathBuf> = targets
            .chain(files.iter().cloned())
            .map(|file| match file.parent() {
                Some(parent) if parent != Path::new("/") => parent.to_owned(),
                _ => file,
            })
            .collect();
        directories.sort_unstable();
        directories.dedup();
        directories
    }

    fn read(&self, now: Duration) -> Known {
        let mut read_from = Vec::new();
        let mut table = |path: &Path| {
            let text = read(path, &mut read_from).unwrap_or_else(|error| {
                if error.kind() != io::ErrorKind::NotFound {
                    log::error!(
                        "cannot read {}, so nothing is in it: {error}",
                        path.display()
                    );
                }
                String::new()
            });
            let (table, complaints) = Table::parse(&text, &mut |path| read(path, &mut read_from));
            for complaint in complaints {
                let (path, line) = (path.display(), complaint.line);
                log::warn!("{path} line {line}: {}", complaint.reason);
            }
            table
        };
        let (allow, deny) = (table(&self.allow), table(&self.deny));
        let names = if allow.asks_for_names() || deny.asks_for_names() {
            let (allow, deny, hosts) = (&self.allow, &self.deny, &self.hosts);
            log::warn!(
                "{} or {} asks for names; callers have those of {}, and no name service is asked",
                allow.display(),
                deny.display(),
                hosts.display()
            );
            let hosts = read(hosts, &mut read_from).unwrap_or_default();
            names(&hosts)
        } else {
            HashMap::new()
        };
        Known {
            allow,
            deny,
            names,
            judged: HashMap::default(),
            next_look: now.saturating_add(LOOKED_AT_EVERY),
            read_from,
        }
    }
}

impl Known {
    /// Whether the files are as they were when they were last looked at, if that is not so long ago, or as they are.
    fn is_current(&mut self, now: Duration) -> bool {
        if now < self.next_look {
            return true;
        }
        self.next_look = now.saturating_add(LOOKED_AT_EVERY);
        let mut files = self.read_from.iter();
        files.all(|(path, stamp)| Stamp::of(path) == *stamp)
    }

    fn has_rules(&self) -> bool {
        !(self.allow.is_empty() && self.deny.is_empty())
    }

    fn permits(&mut self, address: IpAddr) -> bool {
        if let Some(permitted) = self.judged.get(&address) {
            return *permitted;
        }
        let host = Host {
            address: Some(address),
            name: self.names.get(&address).map(String::as_str),
        };
        let permitted = permits(&self.allow, &self.deny, &host);
        if self.judged.len() >= REMEMBERED {
            self.judged.clear();
        }
        self.judged.insert(address, permitted);
        permitted
    }
}

/// A time as it fits a word, which lasts for 584 years.
fn nanoseconds(time: Duration) -> u64 {
    let seconds = time.as_secs().saturating_mul(1_000_000_000);
    seconds.saturating_add(time.subsec_nanos().into())
}

impl Stamp {
    /// That of the file that is there, if one is.
    fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
        })
    }
}

/// Reads a file and notes how it was before: should it change meanwhile, it is read again.
fn read(path: &Path, read_from: &mut Vec<(PathBuf, Option<Stamp>)>) -> io::Result<String> {
    read_from.push((path.to_owned(), Stamp::of(path)));
    let text = fs::read(path)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The first name of each address in a table like /etc/hosts.
fn names(table: &str) -> HashMap<IpAddr, String> {
    let mut names = HashMap::new();
    for (_, fields) in fields::lines(table) {
        if let [address, name, ..] = fields[..]
            && let Ok(address) = address.parse::<IpAddr>()
        {
            names.entry(address).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Asks each time as much later as it takes for an edit to count.
    struct Later<'a> {
        files: &'a HostsAccess,
        now: Cell<Duration>,
    }

    impl Later<'_> {
        fn permits(&self, client: IpAddr) -> bool {
            self.now.set(self.now.get() + LOOKED_AT_EVERY);
            self.files.permits(client, self.now.get())
        }
    }

    #[test]
    fn no_more_callers_are_remembered_than_there_are_rows_for() {
        let name = format!("oncrpc-remembered-{}", std::process::id());
        let deny = std::env::temp_dir().join(name);
        fs::write(&deny, "rpcbind: 192.0.2.1\n").unwrap();
        let files = HostsAccess::at("/nonexistent", &deny, "/nonexistent");
        let now = Duration::ZERO;
        for client in 0..10_000_u32 {
            assert!(files.permits(IpAddr::V4(client.into()), now));
            let known = files.known.lock().unwrap();
            let judged = known.as_ref().unwrap().judged.len();
            assert!((1..=REMEMBERED).contains(&judged));
        }
        fs::remove_file(deny).unwrap();
    }

    #[test]
    fn an_edit_counts_soon_however_it_is_made() {
        let name = format!("oncrpc-hosts-{}", std::process::id());
        let place = std::env::temp_dir().join(name);
        fs::create_dir(&place).unwrap();
        let [allow, deny, hosts] = ["allow", "deny", "hosts"].map(|name| place.join(name));
        let files = HostsAccess::at(&allow, &deny, &hosts);
        let access = Later {
            files: &files,
            now: Cell::new(Duration::ZERO),
        };
        let client = "192.0.2.1".parse().unwrap();
        let mapped = "::ffff:192.0.2.1".parse().unwrap();
        assert!(access.permits(client), "no file, no rule");
        fs::write(&deny, "ALL: ALL\n").unwrap();
        let soon = access.now.get() + LOOKED_AT_EVERY - Duration::from_nanos(1);
        assert!(files.permits(client, soon), "they are not looked at yet");
        assert!(files.permits("192.0.2.9".parse().unwrap(), soon));
        assert!(!access.permits(client));
        assert!(!access.permits(mapped));
        fs::write(&allow, "rpcbind: 192.0.2.\n").unwrap();
        assert!(access.permits(client) && access.permits(mapped));
        // As editors do: another file in its place, of the same length.
        let new = place.join("new");
        fs::write(&new, "rpcbind: 192.0.3.\n").unwrap();
        fs::rename(&new, &allow).unwrap();
        assert!(!access.permits(client));
        fs::write(
            &allow,
            format!("rpcbind: {}/list node LOCAL\n", place.display()),
        )
        .unwrap();
        assert!(!access.permits(client));
        fs::write(&hosts, "192.0.2.1 Node node.example.com # x\n").unwrap();
        assert!(access.permits(client), "by its name");
        fs::remove_file(&hosts).unwrap();
        assert!(!access.permits(client));
        fs::write(place.join("list"), "192.0.2.0/24").unwrap();
        assert!(access.permits(client), "by a file that the table names");
        let elsewhere = place.join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::rename(&deny, elsewhere.join("deny")).unwrap();
        std::os::unix::fs::symlink(elsewhere.join("deny"), &deny).unwrap();
        let real = fs::canonicalize(&place).unwrap();
        let directories = files.directories();
        assert!(directories.contains(&place), "{directories:?}");
        assert!(
            directories.contains(&real.join("elsewhere")),
            "{directories:?}"
        );
        fs::remove_file(&deny).unwrap();
        fs::remove_file(&allow).unwrap();
        assert!(access.permits("10.0.0.1".parse().unwrap()));
        fs::remove_dir_all(place).unwrap();
    }
}
