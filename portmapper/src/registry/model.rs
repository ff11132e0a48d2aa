//! The registry against a model of it: a plain list that is looked through from the start, as rpcbind does.

use oncrpc::netid::{Netid, Protocol};
use proptest::prelude::*;

use super::{Entry, Mapping, Owner, Registry};

/// One list, in order; everything is found by walking it.
#[derive(Default)]
pub(crate) struct Model(pub(crate) Vec<Entry>);

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Announce(Entry),
    Set(Entry),
    Unset(u32, u32, String, Owner),
}

impl Model {
    fn matching(&self, program: u32, netid: &str) -> impl Iterator<Item = &Entry> + Clone {
        let same = move |entry: &&Entry| {
            entry.program == program
                && entry
                    .netid
                    .as_bytes()
                    .eq_ignore_ascii_case(netid.as_bytes())
        };
        self.0.iter().filter(same)
    }

    pub(crate) fn set(&mut self, entry: Entry, at: usize) -> bool {
        let netid = entry.netid.to_string();
        let there = self
            .matching(entry.program, &netid)
            .find(|there| there.version == entry.version);
        if let Some(there) = there {
            return there.uaddr == entry.uaddr;
        }
        self.0.insert(at, entry);
        true
    }

    pub(crate) fn unset(
        &mut self,
        program: u32,
        version: u32,
        netid: &str,
        caller: &Owner,
    ) -> bool {
        let named = |entry: &Entry| {
            entry.program == program
                && entry.version == version
                && (netid.is_empty()
                    || entry
                        .netid
                        .as_bytes()
                        .eq_ignore_ascii_case(netid.as_bytes()))
        };
        let mine = |entry: &Entry| *caller == Owner::Superuser || entry.owner == *caller;
        let allowed = self.0.iter().all(|entry| !named(entry) || mine(entry));
        if allowed {
            self.0.retain(|entry| !named(entry));
        }
        allowed
    }

    fn find(&self, program: u32, version: u32, netid: &str) -> Option<&Entry> {
        let exact = |entry: &&Entry| entry.version == version;
        let found = self.matching(program, netid).find(exact);
        found.or_else(|| self.matching(program, netid).last())
    }

    fn mappings(&self) -> Vec<Mapping> {
        self.0.iter().filter_map(Entry::mapping).collect()
    }

    fn find_mapping(&self, program: u32, version: u32, protocol: Protocol) -> Option<Mapping> {
        let mappings = self.mappings();
        let mut matching = mappings
            .iter()
            .filter(|m| m.program == program && m.protocol == protocol);
        let last = matching.clone().next_back();
        let exact = matching.find(|mapping| mapping.version == version);
        exact.or(last).copied()
    }
}

/// Few values each, so that steps meet.
fn netid() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "", "tcp", "TCP", "udp", "Udp", "tcp6", "local", "bogus",
    ])
    .prop_map(String::from)
}

fn owner() -> impl Strategy<Value = Owner> {
    prop::sample::select(vec![
        Owner::Superuser,
        Owner::Unknown,
        Owner::User(1),
        Owner::User(2),
    ])
}

fn entry() -> impl Strategy<Value = Entry> {
    let uaddr = prop::sample::select(vec!["0.0.0.0.8.1", "0.0.0.0.8.2", "junk", "::.8.1"]);
    (0..3_u32, 0..4_u32, netid(), uaddr, owner()).prop_map(
        |(program, version, netid, uaddr, owner)| {
            Entry::new((program, version), &netid.into(), &uaddr.into(), owner).unwrap()
        },
    )
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => entry().prop_map(Step::Announce),
        6 => entry().prop_map(Step::Set),
        4 => (0..3_u32, 0..4_u32, netid(), owner())
            .prop_map(|(program, version, netid, owner)| Step::Unset(program, version, netid, owner)),
    ]
}

proptest! {
    #[test]
    fn the_registry_behaves_like_a_list(steps in prop::collection::vec(step(), 1..60)) {
        let mut registry = Registry::new();
        let mut model = Model::default();
        for step in steps {
            let (ours, expected) = match step {
                Step::Announce(entry) => {
                    (registry.announce(entry.clone()).accepted(), model.set(entry, 0))
                }
                Step::Set(entry) => {
                    let end = model.0.len();
                    (registry.set(entry.clone()).accepted(), model.set(entry, end))
                }
                Step::Unset(program, version, netid, owner) => (
                    registry
                        .unset(program, version, &netid.as_str().into(), &owner)
                        .accepted(),
                    model.unset(program, version, &netid, &owner),
                ),
            };
            prop_assert_eq!(ours, expected);
            prop_assert!(registry.iter().eq(model.0.iter().cloned()));
            prop_assert_eq!(registry.dump_len(), registry.dump().len() as u64);
        }
        prop_assert_eq!(registry.mappings().collect::<Vec<_>>(), model.mappings());
        for (program, version) in (0..3).flat_map(|program| (0..5).map(move |version| (program, version))) {
            for netid in ["tcp", "udp", "TCP", "local", "bogus", ""] {
                let found = registry.find(program, version, &Netid::from(netid));
                prop_assert_eq!(
                    found.map(|there| there.entry()),
                    model.find(program, version, netid).cloned()
                );
            }
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let found = registry.find_mapping(program, version, protocol);
                let found = found.and_then(|there| there.mapping());
                prop_assert_eq!(found, model.find_mapping(program, version, protocol));
            }
            for netid in ["tcp", "TCP", ""] {
                let versions = model.matching(program, netid).map(|entry| entry.version);
                let range = versions.clone().min().zip(versions.max());
                prop_assert_eq!(registry.range(program, &Netid::from(netid)), range);
            }
            let versions = model.0.iter().filter(|e| e.program == program && e.version == version);
            prop_assert!(registry.versions(program, version).eq(versions.cloned()));
        }
    }
}
