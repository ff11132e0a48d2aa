//! Finding a version that both sides have.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::call::caller::{CallOptions, ProcedureId, RawCaller};
use crate::call::error::{CallError, Refusal};

/// The highest of `versions` of a program that the server has, as C's `clnt_create_vers` finds it.
///
/// The server is asked by calls of procedure 0, from the highest version down; what it says of its lowest and
/// highest (PROG_MISMATCH) is believed for no more than the next question. Options hold for each of the calls. If
/// it has none of them, that is its last PROG_MISMATCH.
///
/// ```
/// # async fn example(channel: impl oncrpc::RawCaller) -> Result<(), oncrpc::CallError> {
/// use oncrpc::{CallOptions, negotiate};
///
/// // NFS, version 4, 3 or 2.
/// let version = negotiate(&channel, 100_003, 2..=4, &CallOptions::default()).await?;
/// # Ok(())
/// # }
/// ```
pub async fn negotiate<C: RawCaller + ?Sized>(
    caller: &C,
    program: u32,
    versions: RangeInclusive<u32>,
    options: &CallOptions,
) -> Result<u32, CallError> {
    let (lowest, mut version) = versions.into_inner();
    for _ in 0..MAX_QUESTIONS {
        let id = ProcedureId {
            program,
            version,
            procedure: 0,
        };
        let answer = caller.call_raw(id, Bytes::new(), options.clone()).await;
        let Err(error) = answer else {
            return Ok(version);
        };
        let CallError::Refused(Refusal::ProgMismatch { low, high }) = error else {
            return Err(error);
        };
        // A server may have gaps: what it says may be what it has just refused.
        version = match version.checked_sub(1) {
            Some(next) if high.min(next) >= lowest.max(low) => high.min(next),
            _ => return Err(error),
        };
    }
    Err(CallError::Refused(Refusal::ProgMismatch {
        low: version,
        high: version,
    }))
}

/// Most questions: no program known has so many versions.
const MAX_QUESTIONS: usize = 32;

#[cfg(test)]
mod tests {
    use std::future::{Future, ready};
    use std::pin::{Pin, pin};
    use std::sync::Mutex;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A server that has these versions, and says that it has all between two.
    struct Has {
        versions: Vec<u32>,
        asked: Mutex<Vec<u32>>,
    }

    impl RawCaller for Has {
        fn call_raw(
            &self,
            id: ProcedureId,
            _: Bytes,
            _: CallOptions,
        ) -> Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send>> {
            assert_eq!((id.program, id.procedure), (7, 0));
            if let Ok(mut asked) = self.asked.lock() {
                asked.push(id.version);
            }
            let low = self.versions.iter().copied().min().unwrap_or(0);
            let high = self.versions.iter().copied().max().unwrap_or(0);
            let mismatch = CallError::Refused(Refusal::ProgMismatch { low, high });
            let has = self.versions.contains(&id.version);
            Box::pin(ready(if has { Ok(Bytes::new()) } else { Err(mismatch) }))
        }

        fn send_raw(
            &self,
            id: ProcedureId,
            _: Bytes,
            _: CallOptions,
        ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>> {
            panic!("{id}: a question that waits for no answer")
        }
    }

    /// The version that is found, and what was asked for it.
    fn found(has: &[u32], wanted: RangeInclusive<u32>) -> (Option<u32>, Vec<u32>) {
        let server = Has {
            versions: has.to_vec(),
            asked: Mutex::default(),
        };
        let options = CallOptions::default();
        let mut finding = pin!(negotiate(&server, 7, wanted, &options));
        let polled = finding
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let found = match polled {
            Poll::Ready(found) => found.ok(),
            Poll::Pending => panic!("nothing is waited for"),
        };
        let asked = server.asked.lock().map(|asked| asked.clone());
        (found, asked.unwrap_or_default())
    }

    #[test]
    fn the_highest_version_of_both_is_found() {
        assert_eq!(found(&[2, 3, 4], 2..=4), (Some(4), vec![4]));
        assert_eq!(found(&[2, 3], 2..=4), (Some(3), vec![4, 3]));
        assert_eq!(found(&[5, 6], 2..=9), (Some(6), vec![9, 6]));
        // Gaps are found out one by one.
        assert_eq!(found(&[1, 4], 1..=3), (Some(1), vec![3, 2, 1]));
    }

    #[test]
    fn no_version_of_both_is_an_error_after_few_questions() {
        assert_eq!(found(&[2], 3..=4), (None, vec![4]));
        assert_eq!(found(&[9], 3..=4), (None, vec![4]));
        assert_eq!(found(&[0], 1..=1), (None, vec![1]));
        // A server that says yes to none of what it says it has.
        let (none, asked) = found(&[0, u32::MAX], 1..=u32::MAX - 1);
        assert_eq!((none, asked.len()), (None, MAX_QUESTIONS));
    }
}
