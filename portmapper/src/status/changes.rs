//! SET and UNSET, by what became of them.

/// A request to change the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// SET.
    Set,
    /// UNSET.
    Unset,
}

/// What became of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer was yes.
    Accepted,
    /// It came from where nobody may change anything.
    Declined,
    /// SET: it is for the superuser to register.
    Reserved,
    /// SET of version 2: there is no such transport.
    UnknownTransport,
    /// SET: the service is registered at another address.
    Taken,
    /// UNSET: it belongs to somebody else.
    Foreign,
    /// SET: there are as many registrations as there can be, in all or of this user.
    Full,
    /// SET: a text of it is longer than we keep.
    TooLong,
    /// It could not be written into the journal.
    NotWritten,
}

/// How often each was the outcome of each, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes([[u64; 9]; 2]);

/// What can become of a request.
const OUTCOMES: [(Request, &[Outcome]); 2] = {
    use Outcome::{
        Accepted, Declined, Foreign, Full, NotWritten, Reserved, Taken, TooLong, UnknownTransport,
    };
    [
        (
            Request::Set,
            &[
                Accepted,
                Declined,
                Reserved,
                UnknownTransport,
                Taken,
                Full,
                TooLong,
                NotWritten,
            ],
        ),
        (Request::Unset, &[Accepted, Declined, Foreign, NotWritten]),
    ]
};

impl Request {
    /// Its name, as it is logged.
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Unset => "unset",
        }
    }
}

impl Outcome {
    /// The answer to the caller.
    pub fn accepted(self) -> bool {
        self == Self::Accepted
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Reserved => "reserved",
            Self::UnknownTransport => "unknown_transport",
            Self::Taken => "taken",
            Self::Foreign => "foreign",
            Self::Full => "full",
            Self::TooLong => "too_long",
            Self::NotWritten => "not_written",
        }
    }
}

impl Changes {
    /// Counts one.
    pub fn count(&mut self, request: Request, outcome: Outcome) {
        self.0[request as usize][outcome as usize] += 1;
    }

    /// Everything that can happen, and how often it has.
    pub fn rows(&self) -> impl Iterator<Item = (Request, Outcome, u64)> {
        OUTCOMES.iter().flat_map(move |&(request, outcomes)| {
            let count = move |&outcome: &Outcome| {
                let count = self.0[request as usize][outcome as usize];
                (request, outcome, count)
            };
            outcomes.iter().map(count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_counted_with_its_request() {
        let mut changes = Changes::default();
        changes.count(Request::Set, Outcome::NotWritten);
        changes.count(Request::Unset, Outcome::Foreign);
        changes.count(Request::Unset, Outcome::Foreign);
        let named = |(request, outcome, count): (Request, Outcome, u64)| {
            let is_there = count > 0;
            is_there.then(|| format!("{} {} {count}", request.name(), outcome.name()))
        };
        let counted: Vec<_> = changes.rows().filter_map(named).collect();
        assert_eq!(counted, ["set not_written 1", "unset foreign 2"]);
        assert_eq!(changes.rows().count(), 12);
    }
}
