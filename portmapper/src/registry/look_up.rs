//! Look-ups: where a service is, as each procedure asks for it.

use oncrpc::netid::{Netid, Protocol};

use super::shared::Id;
use super::stored::Stored;
use super::{Entry, Registered, Registry};

impl Registry {
    /// The service of this version, or else the one of the program on this transport that was registered
    /// last: GETADDR.
    pub fn find(&self, program: u32, version: u32, netid: &Netid) -> Option<Registered<'_>> {
        let netid = self.netids.named(netid)?;
        let found = self.exactly(program, version, netid).or_else(|| {
            let last = |seen| self.of_program.last((program, netid.half(seen)));
            self.entries.at(last(true).max(last(false))?)
        });
        self.registered_as(found?)
    }

    /// The service of exactly this version: GETVERSADDR.
    pub fn find_version(
        &self,
        program: u32,
        version: u32,
        netid: &Netid,
    ) -> Option<Registered<'_>> {
        let netid = self.netids.named(netid)?;
        self.registered_as(self.exactly(program, version, netid)?)
    }

    /// The lowest and the highest version of a program on this transport.
    pub fn range(&self, program: u32, netid: &Netid) -> Option<(u32, u32)> {
        let netid = self.netids.named(netid)?;
        let is_of = |there: &&(u32, Id, u32)| (there.0, there.1) == (program, netid);
        let (.., low) = self
            .versions
            .from(&(program, netid, u32::MIN))
            .next()
            .filter(is_of)?;
        let (.., high) = self
            .versions
            .last_to(&(program, netid, u32::MAX))
            .filter(is_of)?;
        Some((*low, *high))
    }

    /// Where version 2 finds this version, or else the one of the program and protocol that was
    /// registered last: GETPORT.
    pub fn find_mapping(
        &self,
        program: u32,
        version: u32,
        protocol: Protocol,
    ) -> Option<Registered<'_>> {
        let netid = self.netids.named(&protocol.netid())?;
        // Whatever is found by this netid is of this protocol, if it is written so, too.
        let is_seen = |found: &&Stored| found.netid == netid && found.uaddr.port().is_some();
        let exact = self.exactly(program, version, netid).filter(is_seen);
        let found = exact.or_else(|| {
            let last = self.of_program.last((program, netid.half(true)))?;
            self.entries.at(last)
        });
        self.registered_as(found?)
    }

    /// The entries of exactly this version on all transports, in order: GETADDRLIST.
    pub fn versions(&self, program: u32, version: u32) -> impl Iterator<Item = Entry> {
        let places = self.of_version.of((program, version));
        places.filter_map(|place| Some(self.at(place)?.entry()))
    }
}
