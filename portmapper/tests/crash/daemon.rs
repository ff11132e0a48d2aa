//! A daemon's registry and what keeps it, on a disk in memory; it may end at any time.

use std::borrow::Cow;

use oncrpc_portmapper::keeper::Keeper;
use oncrpc_portmapper::registry::{Change, Entry, Owner, Registry};
use oncrpc_xdr::Bytes;

use crate::disk::{Image, Memory};

pub struct Daemon {
    pub registry: Registry,
    keeper: Keeper,
    pub disk: Memory,
}

/// A registration of this program, at an address of this length.
pub fn entry(program: u32, address_len: usize) -> Entry {
    let address = format!("{program:0address_len$}");
    let owner = Owner::User(1000);
    Entry::new((program, 1), &"udp".into(), &address.into(), owner).unwrap()
}

impl Daemon {
    pub fn start(disk: Memory) -> Self {
        let mut registry = Registry::new();
        let mut keeper = Keeper::new(disk.directory());
        let own = Entry::new((100_000, 4), &"udp".into(), &"own".into(), Owner::Superuser);
        registry.announce(own.unwrap());
        keeper.start(&mut registry, true);
        Self {
            registry,
            keeper,
            disk,
        }
    }

    /// One with so many registrations.
    pub fn with(entries: u32) -> Self {
        let mut daemon = Self::start(Memory::default());
        for program in 1..=entries {
            assert!(daemon.set(&entry(program, 12)));
        }
        daemon
    }

    pub fn set(&mut self, entry: &Entry) -> bool {
        assert!(self.registry.would_set(entry).accepted());
        let set = Change::Set(Cow::Borrowed(entry));
        self.keeper.commit(set, &mut self.registry)
    }

    pub fn unset(&mut self, program: u32) -> bool {
        self.unset_from(&entry(program, 0), "")
    }

    /// Removes a service from the transport of this name, or from all.
    pub fn unset_from(&mut self, service: &Entry, netid: &str) -> bool {
        let unset = Change::Unset {
            program: service.program,
            version: service.version,
            netids: vec![netid.into()],
        };
        self.keeper.commit(unset, &mut self.registry)
    }

    /// Ends as a signal would have it.
    pub fn end(&mut self) {
        self.keeper.end(&mut self.registry);
    }

    /// How often the journal was written anew.
    pub fn renewals(&self) -> u64 {
        self.keeper.written().unwrap().renewals
    }

    /// All that is registered, in order.
    pub fn list(&mut self) -> Bytes {
        self.registry.dump()
    }

    /// What the next daemon finds there.
    pub fn found(image: Image) -> Bytes {
        Self::start(Memory::holding(image)).list()
    }
}
