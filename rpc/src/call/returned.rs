//! What came back to a call.

use bytes::Bytes;

use crate::auth::{AuthRef, ClientAuth, Token};
use crate::call::error::CallError;
use crate::message::{Message, ReplyBody, ReplyHeader};

/// A reply, taken out of the message that it came in: it holds on to that message's buffer for its results alone, and not
/// at all where there are none.
#[derive(Debug)]
pub struct Returned {
    xid: u32,
    results: Result<Bytes, CallError>,
    /// What proves who answers, unless it is nothing.
    verifier: Option<Box<Verifier>>,
}

#[derive(Debug)]
struct Verifier {
    flavor: u32,
    body: Bytes,
}

impl Returned {
    /// Reads a message; `None` if it is no reply. What is wrong with one is for its caller to hear.
    #[inline]
    pub fn read(message: &Message<'_>) -> Option<Self> {
        let xid = ReplyHeader::xid(message)?;
        let (results, verifier) = match ReplyHeader::parse(message).map(|header| header.outcome) {
            Ok(Ok(ReplyBody { verifier, body })) => {
                let results = message.share(message.get(body..).unwrap_or_default());
                let verifier = (verifier != AuthRef::NONE).then(|| {
                    Box::new(Verifier {
                        flavor: verifier.flavor,
                        body: message.share(verifier.body),
                    })
                });
                (Ok(results), verifier)
            }
            Ok(Err(refusal)) => (Err(CallError::Refused(refusal)), None),
            Err(error) => (Err(error.into()), None),
        };
        Some(Self {
            xid,
            results,
            verifier,
        })
    }

    /// The call that it answers.
    pub fn xid(&self) -> u32 {
        self.xid
    }

    /// The results as they came: of a call whose flavor has nothing to check.
    pub(super) fn results(self) -> Result<Bytes, CallError> {
        self.results
    }

    /// The results, checked and unwrapped.
    pub(super) fn open(self, auth: &dyn ClientAuth, sent: &[Token]) -> Result<Bytes, CallError> {
        let results = self.results?;
        if sent.is_empty() {
            return Ok(results);
        }
        let verifier = match &self.verifier {
            Some(verifier) => AuthRef {
                flavor: verifier.flavor,
                body: &verifier.body,
            },
            None => AuthRef::NONE,
        };
        Ok(auth.open(sent, verifier, results)?)
    }
}
