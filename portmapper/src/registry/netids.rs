//! Netids by number.

use std::borrow::Cow;

use oncrpc::netid::Netid;
use oncrpc_xdr::XdrString;

use super::c_string;
use super::shared::{Id, Shared};

/// The netids of entries, as registrants wrote them and as entries are found by.
///
/// [`KNOWN`] are always there, each at its place: nearly every question is about one of them, and nothing is searched for it.
#[derive(Debug)]
pub(super) struct Netids(Shared<XdrString>);

/// The netids that the library has names for.
pub(crate) const KNOWN: [Netid; 6] = [
    Netid::Udp,
    Netid::Tcp,
    Netid::Udp6,
    Netid::Tcp6,
    Netid::Local,
    Netid::Unix,
];

/// The place of a netid among [`KNOWN`], if it is one of them.
pub(crate) fn place(netid: &Netid) -> Option<u32> {
    match netid {
        Netid::Udp => Some(0),
        Netid::Tcp => Some(1),
        Netid::Udp6 => Some(2),
        Netid::Tcp6 => Some(3),
        Netid::Local => Some(4),
        Netid::Unix => Some(5),
        Netid::Other(_) => None,
    }
}

impl Netids {
    /// What stands for a netid by which entries are found.
    pub(super) fn named(&self, netid: &Netid) -> Option<Id> {
        match netid {
            Netid::Other(name) => self.0.id(&folded(name)),
            known => place(known).map(Id::of),
        }
    }

    /// The same of what somebody wrote: up to its first zero byte, and whatever the case of its letters.
    pub(super) fn written(&self, netid: &XdrString) -> Option<Id> {
        self.named(&netid.into())
    }

    /// The netid itself.
    pub(super) fn get(&self, id: Id) -> Option<&XdrString> {
        self.0.get(id)
    }

    /// One more entry with this netid: what stands for it as it is found by, and as it is written.
    pub(super) fn take(&mut self, netid: &XdrString) -> (Id, Id) {
        if let Some(place) = place(&netid.into()) {
            let id = Id::of(place);
            return (self.0.again(id), self.0.again(id));
        }
        (self.0.take(&folded(netid)), self.0.take(netid))
    }

    /// One entry less.
    pub(super) fn give_back(&mut self, (found_by, written): (Id, Id)) {
        self.0.give_back(found_by);
        self.0.give_back(written);
    }
}

impl Default for Netids {
    fn default() -> Self {
        let mut netids = Shared::default();
        for known in &KNOWN {
            netids.take(&known.into());
        }
        Self(netids)
    }
}

/// A netid by which entries are found.
fn folded(netid: &XdrString) -> Cow<'_, XdrString> {
    let odd = |byte: &u8| *byte == 0 || byte.is_ascii_uppercase();
    if netid.as_bytes().iter().any(odd) {
        Cow::Owned(c_string(netid).to_ascii_lowercase().into())
    } else {
        Cow::Borrowed(netid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_have_a_name_stay_at_their_places() {
        let mut netids = Netids::default();
        let other = netids.take(&"other".into());
        for known in &KNOWN {
            let written = XdrString::from(known);
            let place = netids.named(known).unwrap();
            assert_eq!(netids.get(place), Some(&written));
            assert_eq!(netids.take(&written), (place, place));
            netids.give_back((place, place));
            assert_eq!(netids.get(place), Some(&written));
        }
        netids.give_back(other);
        assert_eq!(netids.written(&"other".into()), None);
    }

    #[test]
    fn a_netid_is_found_whatever_the_case_of_its_letters_and_up_to_a_zero_byte() {
        let mut netids = Netids::default();
        let (found_by, written) = netids.take(&"OTHER".into());
        assert_ne!(found_by, written);
        for name in ["other", "Other", "oTHER\0x"] {
            assert_eq!(netids.named(&name.into()), Some(found_by));
            assert_eq!(netids.written(&name.into()), Some(found_by));
        }
        assert_eq!(netids.named(&"TCP".into()), netids.named(&Netid::Tcp));
    }
}
