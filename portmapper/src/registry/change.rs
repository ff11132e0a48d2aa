//! What a SET or an UNSET does once nothing stands against it: the steps of a registry's history.

use std::borrow::Cow;

use oncrpc_xdr::XdrString;

use super::{Entry, Owner, Registry};

/// One step from a state of the registry to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A registration.
    Set(Cow<'a, Entry>),
    /// What one call removes, whoever made it.
    Unset {
        /// The program number.
        program: u32,
        /// The version of the program.
        version: u32,
        /// From which transports; the empty one means all.
        netids: Vec<XdrString>,
    },
}

impl Registry {
    /// Takes a step that was found to be right in this state.
    pub fn apply(&mut self, change: Change<'_>) {
        match change {
            Change::Set(entry) => {
                self.set(entry.into_owned());
            }
            Change::Unset {
                program,
                version,
                netids,
            } => {
                for netid in &netids {
                    self.unset(program, version, netid, &Owner::Superuser);
                }
            }
        }
    }
}
