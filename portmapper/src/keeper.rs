//! What lets registrations outlive the daemon.
//!
//! Each change goes into the [`journal`](crate::journal) before it is made. rpcbind's own files are written at
//! the end, so that another rpcbind can go on from there; at the start they count if they are not as we left
//! them, since then another one has, and the journal otherwise.

use std::io;
use std::time::Instant;

use crate::binding::reason;
use crate::journal::file::{path, read};
use crate::journal::{Journal, Record};
use crate::registry::{Change, Entry, Registry};
use crate::seldom::Seldom;
use crate::state::{Files, StateDirectory};

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
    /// What cannot be read is reported and left out, and where nothing can be written the registrations end
    /// with the process: neither keeps services from being found now.
    pub fn start(&mut self, registry: &mut Registry, warm: bool) {
        let files = self.directory.files();
        let fingerprint = files.fingerprint();
        if warm {
            let mut refused = 0_usize;
            for entry in self.left(files) {
                refused += usize::from(!registry.set(entry).accepted());
            }
            if refused > 0 {
                log::warn!("{refused} registrations are not restored: they are ours, or too many");
            }
        }
        match Journal::create(self.directory.clone(), registry, fingerprint) {
            Ok(journal) => self.journal = Some(journal),
            Err(error) => log::error!(
                "cannot write {}: {}; registrations will end with this process",
                path(&self.directory).display(),
                reason(&error)
            ),
        }
    }

    /// What the last rpcbind left, whichever it was.
    fn left(&self, files: Files) -> Vec<Entry> {
        let journal = match read(&self.directory) {
            Ok(journal) => journal,
            Err(error) => {
                log::error!("{error}; starting without it");
                None
            }
        };
        if let Some(told) = journal {
            let counts = told.files == Some(files.fingerprint());
            if let Some(damage) = told.damage {
                let path = path(&self.directory);
                let instead = if counts {
                    format!(
                        "keeping the {} registrations before it",
                        told.registry.len()
                    )
                } else {
                    "starting without it".to_owned()
                };
                log::error!("{} is damaged: {damage}; {instead}", path.display());
            }
            if counts {
                return told.registry.registered().cloned().collect();
            }
        }
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
    pub fn commit(&mut self, change: Change, registry: &mut Registry) -> bool {
        let record = Record::Change(change.clone());
        if let Some(journal) = &mut self.journal
            && let Err(error) = journal.append(&record, registry)
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

    /// Writes rpcbind's own files, so that any rpcbind can go on from here.
    pub fn end(&mut self, registry: &mut Registry) {
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
