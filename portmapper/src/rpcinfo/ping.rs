//! Whether a program answers: NULL of one version, or of all that it has.

use std::time::Duration;

use oncrpc::{CallError, CallOptions, ProcedureId, RawCaller, Refusal};
use oncrpc_transport::Connection;
use oncrpc_xdr::Bytes;

use super::connect::Patience;
use super::failure::call_text;
use super::find::find;
use super::layout::json;
use super::request::Place;
use super::{Context, Stop, Terminal};

/// Time for an answer to NULL, as rpcinfo 1.2.6 gives it.
pub const NULL_TIME: Duration = Duration::from_secs(10);

/// Most versions that are called one after the other: a server may say that it has four billion.
pub const MAX_VERSIONS: u32 = 1024;

/// Time for all of them, unless another is given.
pub const VERSIONS_TIME: Duration = Duration::from_secs(60);

/// Calls a program, and says what answers.
pub async fn ping(
    cx: &Context,
    (place, program, version): (&Place, u32, Option<u32>),
    terminal: &mut Terminal<'_>,
) -> Result<(), Stop> {
    let connection = find(cx, place, program, version.unwrap_or(0)).await?;
    let mut answers = Answers {
        null: Null {
            connection,
            program,
            patience: cx.patience.or(VERSIONS_TIME),
        },
        json: cx.json,
        found: Vec::new(),
        all: true,
    };
    let ended = answers.call(version, terminal).await;
    if cx.json {
        terminal.print(&json::answers(program, &answers.found))?;
    }
    ended?;
    match answers.all {
        true => Ok(()),
        false => Err(Stop::Said),
    }
}

/// NULL of a program.
pub(super) struct Null {
    pub(super) connection: Connection,
    pub(super) program: u32,
    pub(super) patience: Patience,
}

impl Null {
    pub(super) async fn call(&self, version: u32) -> Result<(), CallError> {
        let id = ProcedureId {
            program: self.program,
            version,
            procedure: 0,
        };
        let options = CallOptions::default().timeout(self.patience.step(NULL_TIME));
        let answer = self.connection.call_raw(id, Bytes::new(), options).await;
        answer.map(|_| ())
    }
}

/// What answers of a program.
struct Answers {
    null: Null,
    json: bool,
    /// Versions and why they do not answer, for whoever does not read them one by one.
    found: Vec<(u32, Option<String>)>,
    all: bool,
}

impl Answers {
    async fn call(
        &mut self,
        version: Option<u32>,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), Stop> {
        if let Some(version) = version {
            let answer = self.null.call(version).await;
            return self.say(version, &answer, terminal);
        }
        // Nobody has version 0, and who says so says what there is. Nobody has both it and the last one.
        let mut asked = 0;
        let mut answer = self.null.call(asked).await;
        if answer.is_ok() {
            asked = u32::MAX;
            answer = self.null.call(asked).await;
        }
        let (low, high) = match answer {
            Err(CallError::Refused(Refusal::ProgMismatch { low, high })) => (low, high),
            Ok(()) => (0, u32::MAX),
            Err(_) => return self.say(asked, &answer, terminal),
        };
        let last = high.min(low.saturating_add(MAX_VERSIONS - 1));
        for version in low..=last {
            let answer = self.null.call(version).await;
            self.say(version, &answer, terminal)?;
            if matches!(&answer, Err(error) if is_gone(error)) {
                return Err(Stop::Said);
            }
        }
        if last < high {
            let program = self.null.program;
            return Err(Stop::because(format_args!(
                "program {program} says that it has versions {low} to {high}: \
                 not called beyond {last}"
            )));
        }
        Ok(())
    }

    /// Says whether a version has answered.
    fn say(
        &mut self,
        version: u32,
        answer: &Result<(), CallError>,
        terminal: &mut Terminal<'_>,
    ) -> Result<(), Stop> {
        self.all &= answer.is_ok();
        let failed = answer.as_ref().err().map(call_text);
        if self.json {
            self.found.push((version, failed));
            return Ok(());
        }
        let program = self.null.program;
        match failed {
            None => terminal.print(&format!(
                "program {program} version {version} ready and waiting\n"
            )),
            Some(why) => {
                terminal.complain(&format!("rpcinfo: {why}\n"))?;
                terminal.print(&format!(
                    "program {program} version {version} is not available\n"
                ))
            }
        }
    }
}

/// Whether nobody answers any more: other versions would not, either.
fn is_gone(error: &CallError) -> bool {
    matches!(
        error,
        CallError::TimedOut { .. } | CallError::Disconnected(_) | CallError::Connect(_)
    )
}
