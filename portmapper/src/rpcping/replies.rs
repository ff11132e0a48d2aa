//! From a stream's bytes to the replies in it.

use super::calls::{HEAD, LAST_FRAGMENT, Verdict, verdict};

/// Takes a stream's bytes as they come and finds the replies. Of a reply its head is kept, whatever its length.
#[derive(Debug, Default)]
pub struct Replies {
    mark: Vec<u8>,
    /// Bytes of the fragment at hand that are still to come.
    fragment: usize,
    /// No fragment follows the one at hand.
    last: bool,
    head: Vec<u8>,
}

/// A record that is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReply;

impl Replies {
    /// Gives each reply that ends in these bytes to `came`.
    pub fn take(
        &mut self,
        mut bytes: &[u8],
        mut came: impl FnMut(u32, Verdict),
    ) -> Result<(), NoReply> {
        while !bytes.is_empty() {
            if self.fragment == 0 {
                let take = bytes.len().min(4 - self.mark.len());
                let (mark, rest) = bytes.split_at(take);
                self.mark.extend_from_slice(mark);
                bytes = rest;
                let Ok(mark) = <[u8; 4]>::try_from(self.mark.as_slice()) else {
                    break;
                };
                self.mark.clear();
                let mark = u32::from_be_bytes(mark);
                self.last = mark & LAST_FRAGMENT != 0;
                self.fragment = (mark & !LAST_FRAGMENT) as usize;
            }
            let (part, rest) = bytes.split_at(bytes.len().min(self.fragment));
            let keep = part.len().min(HEAD - self.head.len());
            self.head.extend_from_slice(&part[..keep]);
            self.fragment -= part.len();
            bytes = rest;
            if self.fragment == 0 && self.last {
                let (xid, verdict) = verdict(&self.head).ok_or(NoReply)?;
                self.head.clear();
                self.last = false;
                came(xid, verdict);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two replies, the first of them in two fragments with 4 bytes of results.
    const STREAM: [u8; 4 + 8 + 4 + 20 + 4 + 24] = [
        0, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 1, //
        0x80, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, //
        0x80, 0, 0, 24, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3,
    ];

    #[test]
    fn replies_are_found_however_the_stream_is_cut() {
        for cut in 0..=STREAM.len() {
            let mut replies = Replies::default();
            let mut found = Vec::new();
            let (one, other) = STREAM.split_at(cut);
            for part in [one, other] {
                let taken = replies.take(part, |xid, verdict| found.push((xid, verdict)));
                assert_eq!(taken, Ok(()));
            }
            let expected = [(7, Verdict::Success), (8, Verdict::Refused(3))];
            assert_eq!(found, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_reply_is_said_so() {
        let call = [0x80, 0, 0, 8, 0, 0, 0, 7, 0, 0, 0, 0];
        let taken = Replies::default().take(&call, |_, _| ());
        assert_eq!(taken, Err(NoReply));
    }
}
