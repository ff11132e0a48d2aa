//! Calls that give their arguments back, and how they end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use oncrpc::netid::Netid;
use oncrpc::peer::Peer;
use oncrpc::{
    Call, CallError, CallOptions, ProcedureId, RawCaller, Reply, Service, Services, service,
};
use oncrpc_transport::testing::Dice;
use oncrpc_transport::{Connection, Driver, LadderPool, Limits, Link, Stop};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub const ECHO: ProcedureId = ProcedureId {
    program: 0x2000_0001,
    version: 1,
    procedure: 1,
};

/// How much later than its deadline a call may end.
pub const SLACK: Duration = Duration::from_millis(10);

/// Every procedure gives its arguments back.
pub fn echo() -> Arc<dyn Service> {
    service(ECHO.program, ECHO.version, &[], Arc::new(()), |_| {
        Box::new(|call: &Call<'_>, reply: &mut Reply<'_>| reply.success_raw(&call.raw_args()))
    })
}

/// Serves a link. The server ends with what is given back.
pub fn serve(link: impl Link, service: Arc<dyn Service>) -> Stop {
    let stop = Stop::new();
    let ladders = Arc::new(LadderPool::new(Arc::new(Services::new([service]))));
    let peer = Peer::local(Netid::Local);
    let driver = Driver::new(link, Limits::SERVER).serving(ladders, peer, stop.subscribe());
    tokio::spawn(driver.run());
    stop
}

/// Arguments that no other call has: its number, and as many bytes as the dice say.
fn arguments(number: u32, dice: &mut Dice, most: u64) -> Bytes {
    let len = dice.below(most / 4 + 1) as usize * 4;
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(4 + len, number as u8);
    bytes.into()
}

/// How calls ended: answers that are right, answers that are wrong, errors.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ends {
    pub right: usize,
    pub wrong: usize,
    pub errors: usize,
}

/// Makes calls at the same time; each must end by its deadline.
pub async fn ends(
    connection: &Connection,
    calls: u32,
    timeout: Duration,
    dice: &mut Dice,
    most: u64,
) -> Ends {
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for number in 0..calls {
        let (connection, args) = (connection.clone(), arguments(number, dice, most));
        running.spawn(async move {
            let options = CallOptions::default().timeout(timeout);
            let answer = connection.call_raw(ECHO, args.clone(), options).await;
            assert!(begun.elapsed() <= timeout + SLACK, "{:?}", begun.elapsed());
            answer.map(|answer| answer == args)
        });
    }
    let mut ends = Ends::default();
    while let Some(ended) = running.join_next().await {
        match ended.unwrap_or_else(|error| panic!("{error}")) {
            Ok(true) => ends.right += 1,
            Ok(false) => ends.wrong += 1,
            Err(
                CallError::TimedOut { .. }
                | CallError::Disconnected(_)
                | CallError::Connect(_)
                | CallError::Refused(_),
            ) => ends.errors += 1,
            Err(other) => panic!("{other}"),
        }
    }
    ends
}
