//! What lets registrations outlive the daemon.
//!
//! Each change goes into the [`journal`](crate::journal) before it is made. rpcbind's own files are written at
//! the end, so that another rpcbind can go on from there; at the start they count if they are known not to be as we
//! left them, since then another one has, and the journal otherwise.

use std::io;
use std::time::Instant;

use crate::binding::reason;
use crate::journal::file::{UNREAD, path, read};
use crate::journal::{Journal, Told, Written};
use crate::registry::{Change, Entry, Registry};
use crate::seldom::Seldom;
use crate::state::{Files, StateDirectory, StateError};

/// Keeps the registrations in a directory.
#[derive(Debug)]
pub struct Keeper {
    directory: StateDirectory,
    /// `None` before the start, and where there can be no journal.
    journal: Option<Journal>,
    failures: Seldom,
}

impl Keeper {
    /// A keeper for this directory, which keeps nothing yet.
    pub fn new(directory: StateDirectory) -> Self {
        Self {
            directory,
            journal: None,
            failures: Seldom::default(),
        }
    }

    /// Adds what the last rpcbind left, if the start is a warm one, and keeps the registry from now on.
    ///
    /// What cannot be read is reported, left out and kept for somebody to look at, and where nothing can be written, or others
    /// can write, the registrations end with the process: none of that keeps services from being found now.
    pub fn start(&mut self, registry: &mut Registry, warm: bool) {
        // A journal that a warm start could not read to its end is set aside; a cold one takes the place of any.
        let (mut told_len, mut unread) = (None, warm);
        let warm = match self.directory.trusted() {
            Ok(()) => warm,
            Err(error @ StateError::NotTrusted { .. }) => {
                log::error!(
                    "{error}; starting empty, and registrations will end with this process"
                );
                return;
            }
            Err(error) => {
                log::error!("{error}; starting empty");
                false
            }
        };
        let files = self.directory.files();
        let fingerprint = files.fingerprint();
        if warm {
            let journal = read(&self.directory);
            unread = match &journal {
                Ok(told) => told.as_ref().is_some_and(|told| told.damage.is_some()),
                Err(_) => true,
            };
            let refused = match self.told(journal, &files) {
                Some(told) => {
                    let all = registry.len().saturating_add(told.registry.len());
                    let is_whole = told.damage.is_none() && registry.registered().next().is_none();
                    let refused = registry.take_over(told.registry);
                    told_len = (is_whole && registry.len() == all).then_some(told.len);
                    refused
                }
                None => Self::left_in(files)
                    .into_iter()
                    .map(|entry| usize::from(!registry.set(entry).accepted()))
                    .sum(),
            };
            if refused > 0 {
                log::warn!("{refused} registrations are not restored: they are ours, or too many");
            }
        }
        let directory = self.directory.clone();
        let journal = match told_len {
            Some(len) => Journal::go_on(directory, len, registry, fingerprint),
            None => Journal::create(directory, registry, fingerprint, unread),
        };
        match journal {
            Ok(journal) => self.journal = Some(journal),
            Err(error) => log::error!(
                "cannot write {}: {}; registrations will end with this process",
                path(&self.directory).display(),
                reason(&error)
            ),
        }
    }

    /// What the journal tells, if it was ours that ran last.
    fn told(&self, journal: Result<Option<Told>, StateError>, files: &Files) -> Option<Told> {
        let told = match journal {
            Ok(told) => told?,
            Err(error) => {
                log::error!("{error}; starting without it; it becomes {UNREAD}");
                return None;
            }
        };
        let now = files.fingerprint();
        let counts = told.files.is_some_and(|then| now.may_be(&then));
        if let Some(damage) = &told.damage {
            let path = path(&self.directory);
            let good = told.registry.len();
            let instead = if counts {
                format!("keeping the {good} registrations before it")
            } else {
                "starting without it".to_owned()
            };
            log::error!(
                "{} is damaged: {damage}; {instead}; it becomes {UNREAD}",
                path.display()
            );
        } else if !counts {
            log::info!("the state files are not as we left them: they count, our journal does not");
        }
        if counts {
            for error in files.refusals() {
                log::error!("{error}; starting with our journal alone");
            }
        }
        counts.then_some(told)
    }

    /// What another rpcbind left.
    fn left_in(files: Files) -> Vec<Entry> {
        match files.registrations() {
            Ok(state) => {
                if state.too_long > 0 {
                    log::warn!("{} registrations are too long to restore", state.too_long);
                }
                state.entries
            }
            Err(error) => {
                log::error!("{error}; starting without the registrations in it");
                Vec::new()
            }
        }
    }

    /// Makes a change that was found to be right, once it is written down; says whether it is made.
    pub fn commit(&mut self, change: Change<'_>, registry: &mut Registry) -> bool {
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.append(&change, registry)
        {
            self.failed(&error);
            return false;
        }
        registry.apply(change);
        true
    }

    fn failed(&mut self, error: &io::Error) {
        let Some(before) = self.failures.due(Instant::now()) else {
            return;
        };
        let (path, reason) = (path(&self.directory), reason(error));
        let others = match before {
            0 => String::new(),
            more => format!(" (and {more} refused before it)"),
        };
        log::error!(
            "cannot write {}: {reason}; a change of the registry is refused{others}",
            path.display()
        );
    }

    /// What was written into the journal, if there is one.
    pub fn written(&self) -> Option<Written> {
        self.journal.as_ref().map(Journal::written)
    }

    /// Writes rpcbind's own files, so that any rpcbind can go on from here.
    pub fn end(&mut self, registry: &mut Registry) {
        if self.directory.trusted().is_err() {
            return;
        }
        let (list, mappings) = (registry.dump(), registry.dump_v2());
        if let Err(error) = self.directory.write(&list, &mappings) {
            let path = self.directory.path().display();
            log::error!("cannot write the state to {path}: {}", reason(&error));
        }
        // Whatever is there now, the journal tells as much. Should that not be noted, they will be read as if
        // another rpcbind had written them, and so they are whole.
        let files = self.directory.files().fingerprint();
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.note(files, registry)
        {
            log::warn!(
                "cannot write {}: {}",
                path(&self.directory).display(),
                reason(&error)
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fs::{self, File, Permissions};
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;
    use crate::journal::record::snapshot_len;
    use crate::registry::Owner;
    use crate::state::tests::Scratch;

    fn entry(program: u32, netid: &str, uaddr: &str) -> Entry {
        let owner = Owner::User(1000);
        Entry::new((program, 1), &netid.into(), &uaddr.into(), owner).unwrap()
    }

    /// A daemon's registry and what keeps it; it may end at any time.
    struct Daemon {
        registry: Registry,
        keeper: Keeper,
    }

    impl Daemon {
        fn start(scratch: &Scratch, warm: bool) -> Self {
            let mut registry = Registry::new();
            let mut keeper = Keeper::new(scratch.0.clone());
            registry.announce(entry(100_000, "udp", "0.0.0.0.0.111"));
            keeper.start(&mut registry, warm);
            Self { registry, keeper }
        }

        fn set(&mut self, program: u32) -> bool {
            self.register(entry(program, "udp", "0.0.0.0.8.1"))
        }

        fn register(&mut self, entry: Entry) -> bool {
            self.keeper
                .commit(Change::Set(Cow::Owned(entry)), &mut self.registry)
        }

        fn unset(&mut self, program: u32) -> bool {
            let netids = vec!["".into()];
            let version = 1;
            let change = Change::Unset {
                program,
                version,
                netids,
            };
            self.keeper.commit(change, &mut self.registry)
        }

        fn end(mut self) {
            self.keeper.end(&mut self.registry);
        }

        fn programs(&self) -> Vec<u32> {
            let registered = self.registry.registered();
            registered.map(|entry| entry.program).collect()
        }
    }

    #[test]
    fn registrations_are_there_again_however_the_daemon_ended() {
        let scratch = Scratch::new("again");
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(1) && daemon.set(2) && daemon.unset(1) && daemon.set(3));
        drop(daemon);
        let mut daemon = Daemon::start(&scratch, true);
        assert_eq!(daemon.programs(), [2, 3]);
        assert!(daemon.set(4));
        daemon.end();
        let mut daemon = Daemon::start(&scratch, true);
        assert_eq!(daemon.programs(), [2, 3, 4]);
        assert!(daemon.unset(3));
        drop(daemon);
        let daemon = Daemon::start(&scratch, true);
        assert_eq!(
            daemon.programs(),
            [2, 4],
            "the files of the last end are older"
        );
        let journal = fs::metadata(scratch.file("journal")).unwrap();
        assert_eq!(journal.mode() & 0o7777, 0o600);
        assert!(!scratch.file("journal.new").exists());
    }

    #[test]
    fn files_of_another_rpcbind_count_and_ours_do_not() {
        let scratch = Scratch::new("another");
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(1));
        daemon.end();
        let mut theirs = Registry::new();
        theirs.set(entry(2, "tcp", "0.0.0.0.8.2"));
        scratch.0.write(&theirs.dump(), &theirs.dump_v2()).unwrap();
        for _ in 0..2 {
            assert_eq!(Daemon::start(&scratch, true).programs(), [2]);
        }
        for file in ["rpcbind.xdr", "portmap.xdr"] {
            fs::remove_file(scratch.file(file)).unwrap();
            let left: &[u32] = if file == "rpcbind.xdr" { &[2] } else { &[] };
            let daemon = Daemon::start(&scratch, true);
            assert_eq!(daemon.programs(), left, "without {file}");
        }
    }

    #[test]
    fn a_damaged_file_is_no_obstacle_twice() {
        let scratch = Scratch::new("damaged");
        fs::write(scratch.file("rpcbind.xdr"), [0, 0, 0, 1]).unwrap();
        let permissions = Permissions::from_mode(0o600);
        fs::set_permissions(scratch.file("rpcbind.xdr"), permissions).unwrap();
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.programs().is_empty());
        assert!(daemon.set(1));
        drop(daemon);
        assert_eq!(Daemon::start(&scratch, true).programs(), [1]);
    }

    #[test]
    fn a_file_that_is_refused_now_or_was_then_is_not_taken_for_another() {
        let scratch = Scratch::new("refused");
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(1));
        daemon.end();
        let mut known = vec![1];
        for (mode, program) in [(0o644, 2), (0o600, 3), (0o640, 4), (0o600, 5)] {
            let permissions = Permissions::from_mode(mode);
            fs::set_permissions(scratch.file("rpcbind.xdr"), permissions).unwrap();
            let mut daemon = Daemon::start(&scratch, true);
            assert_eq!(daemon.programs(), known, "{mode:o}");
            assert!(daemon.set(program));
            known.push(program);
        }
    }

    #[test]
    fn a_cold_start_forgets_and_starts_a_new_journal() {
        let scratch = Scratch::new("cold");
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(1));
        daemon.end();
        let mut daemon = Daemon::start(&scratch, false);
        assert!(daemon.programs().is_empty());
        assert!(daemon.set(2));
        drop(daemon);
        assert_eq!(Daemon::start(&scratch, true).programs(), [2]);
    }

    #[test]
    fn a_start_goes_on_with_a_journal_that_is_whole_and_tells_what_is_registered() {
        let scratch = Scratch::new("goes-on");
        let journal = || fs::metadata(scratch.file("journal")).unwrap().ino();
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(1));
        let first = journal();
        drop(daemon);
        let mut daemon = Daemon::start(&scratch, true);
        assert_eq!((journal(), daemon.programs()), (first, vec![1]));
        assert_eq!(daemon.keeper.written().unwrap().renewals, 0);
        // What the daemon registers itself is in no journal that is written anew.
        assert!(daemon.set(2) && daemon.register(entry(100_000, "udp", "0.0.0.0.0.111")));
        drop(daemon);
        let daemon = Daemon::start(&scratch, true);
        let second = journal();
        assert_eq!(daemon.programs(), [1, 2]);
        assert_ne!(second, first);
        drop(daemon);
        let mut torn = File::options().append(true).open(scratch.file("journal"));
        torn.as_mut().unwrap().write_all(&[7]).unwrap();
        assert_eq!(Daemon::start(&scratch, true).programs(), [1, 2]);
        assert_ne!(journal(), second);
    }

    #[test]
    fn a_journal_that_others_can_have_written_is_not_read() {
        let scratch = Scratch::new("distrust-journal");
        let journal = scratch.file("journal");
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(1));
        drop(daemon);
        fs::set_permissions(&journal, Permissions::from_mode(0o660)).unwrap();
        assert!(Daemon::start(&scratch, true).programs().is_empty());
        let mode = fs::metadata(&journal).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600, "a new one");
        // Who sees that it is well after all puts it back.
        let aside = scratch.file("journal.bad");
        fs::set_permissions(&aside, Permissions::from_mode(0o600)).unwrap();
        fs::rename(&aside, &journal).unwrap();
        assert_eq!(Daemon::start(&scratch, true).programs(), [1]);
        fs::rename(&journal, scratch.file("elsewhere")).unwrap();
        symlink(scratch.file("elsewhere"), &journal).unwrap();
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(2));
        assert!(
            fs::symlink_metadata(&journal).unwrap().is_file(),
            "in place of the link"
        );
    }

    #[test]
    fn registrations_of_our_own_program_are_kept_too() {
        let scratch = Scratch::new("own");
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.register(entry(100_000, "bogus", "mine")));
        drop(daemon);
        let daemon = Daemon::start(&scratch, true);
        assert_eq!(daemon.programs(), [100_000]);
        assert_eq!(daemon.registry.len(), 2);
    }

    #[test]
    fn without_its_directory_a_daemon_keeps_nothing_and_serves() {
        let scratch = Scratch::new("gone");
        fs::remove_dir(scratch.0.path()).unwrap();
        let mut daemon = Daemon::start(&scratch, true);
        assert!(daemon.set(1));
        assert_eq!(daemon.programs(), [1]);
        daemon.end();
    }

    #[test]
    fn a_journal_is_written_anew_when_little_of_it_counts_and_only_then() {
        let scratch = Scratch::new("anew");
        let mut daemon = Daemon::start(&scratch, true);
        let journal = || fs::metadata(scratch.file("journal")).unwrap();
        let first = journal().ino();
        for program in 0..5_000 {
            assert!(daemon.set(program));
        }
        assert!(journal().len() > 200_000);
        assert_eq!(journal().ino(), first, "all of it counts");
        for program in 1..5_000 {
            assert!(daemon.unset(program));
        }
        let written = daemon.keeper.written().unwrap();
        assert_eq!(written.bytes, journal().len());
        assert_eq!(written.records, 9_999);
        assert!((2..100).contains(&written.renewals), "{written:?}");
        let most = |registry: &Registry| 2 * snapshot_len(registry) + 65_536 + 100;
        assert!(journal().len() < most(&daemon.registry));
        // Where it cannot be written anew it grows, and changes are taken all the same.
        fs::create_dir(scratch.file("journal.new")).unwrap();
        let before = journal().ino();
        while journal().len() < most(&daemon.registry) {
            assert!(daemon.set(1) && daemon.unset(1));
        }
        assert_eq!(journal().ino(), before);
        fs::remove_dir(scratch.file("journal.new")).unwrap();
        for _ in 0..2_000 {
            assert!(daemon.set(1) && daemon.unset(1));
        }
        assert!(journal().len() < most(&daemon.registry));
        let programs = daemon.programs();
        drop(daemon);
        assert_eq!(Daemon::start(&scratch, true).programs(), programs);
    }
}
