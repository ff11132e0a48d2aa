//! Datagrams that get lost, doubled, late, overtaken and damaged, both ways at once.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::{
    Answered, Call, CallError, CallOptions, CallTable, RawCaller, Reply, Retransmit, Service,
    service,
};
use oncrpc_server::{Duplicates, intercepted, remembered};
use oncrpc_transport::testing::{Dice, Faults, datagrams};
use oncrpc_transport::{Connection, Limits, Link};

use crate::echo::{ECHO, Ends, echo, ends, serve};

/// Calls over datagrams that suffer these faults.
async fn over_datagrams(faults: Faults, seed: u64, calls: u32, timeout: Duration) -> Ends {
    over_datagrams_to(echo(), faults, seed, calls, timeout).await
}

async fn over_datagrams_to(
    service: Arc<dyn Service>,
    faults: Faults,
    seed: u64,
    calls: u32,
    timeout: Duration,
) -> Ends {
    let (ours, theirs) = datagrams(faults, faults, seed);
    let _stop = serve(theirs, service);
    // Xids that wrap around within the test.
    let table = CallTable::new(u32::MAX - 7).with_retransmit(Retransmit::default());
    let (connection, driver) = Connection::new(ours, table, Limits::CLIENT);
    tokio::spawn(driver.run());
    ends(&connection, calls, timeout, &mut Dice::new(seed), 2_000).await
}

#[tokio::test(start_paused = true)]
async fn every_call_over_bad_datagrams_ends_by_its_deadline() {
    let ms = Duration::from_millis;
    let mut cells = Vec::new();
    for drop in [0, 10, 50, 200, 500, 1_000] {
        for duplicate in [0, 10, 100] {
            for (delay, jitter) in [(0, 0), (1, 5), (50, 50), (500, 2_000)] {
                cells.push(Faults {
                    drop,
                    duplicate,
                    delay: ms(delay),
                    jitter: ms(jitter),
                    ..Faults::default()
                });
            }
        }
    }
    for truncate in [10, 200, 1_000] {
        cells.push(Faults {
            truncate,
            ..Faults::default()
        });
    }
    for (number, faults) in cells.into_iter().enumerate() {
        for seed in 0..3 {
            let seed = number as u64 * 100 + seed;
            let ends = over_datagrams(faults, seed, 40, Duration::from_secs(25)).await;
            // A cut datagram may still be a reply, of fewer bytes: that is what its procedure's type is for.
            let wrong = if faults.truncate == 0 { 0 } else { ends.wrong };
            assert_eq!(ends.wrong, wrong, "{faults:?} seed {seed}: {ends:?}");
            assert_eq!(
                ends.right + ends.wrong + ends.errors,
                40,
                "{faults:?} seed {seed}"
            );
            match faults.drop {
                0 if faults.truncate == 0 => assert_eq!(ends.right, 40, "{faults:?} seed {seed}"),
                1_000 => assert_eq!(ends.errors, 40, "{faults:?} seed {seed}"),
                _ => {}
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bits_that_turn_end_no_call_late() {
    for seed in 0..20 {
        let faults = Faults {
            flip: 300,
            ..Faults::default()
        };
        let ends = over_datagrams(faults, seed, 40, Duration::from_secs(25)).await;
        assert_eq!(
            ends.right + ends.wrong + ends.errors,
            40,
            "seed {seed}: {ends:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_fifth_of_all_datagrams_lost_costs_one_call_in_a_thousand() {
    let faults = Faults {
        drop: 200,
        delay: Duration::from_millis(1),
        ..Faults::default()
    };
    let mut right = 0;
    for seed in 0..100 {
        // Time for eight transmissions: after 0, 1, 3, 7, 15, 30, 45 and 60 s.
        let timeout = Duration::from_secs(80);
        right += over_datagrams(faults, seed, 40, timeout).await.right;
    }
    assert!(right >= 3_996, "{right} of 4,000");
}

/// How often each call was executed, by its arguments.
type Executed = Arc<Mutex<HashMap<Bytes, u32>>>;

/// Gives arguments back, every other time after longer than it takes until a call is sent again.
fn counting(executed: &Executed) -> Arc<dyn Service> {
    let executed = executed.clone();
    service(ECHO.program, ECHO.version, &[], executed, |executed| {
        let mut slow = false;
        Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| {
            let args = call.raw_args();
            *executed.lock().unwrap().entry(args.clone()).or_default() += 1;
            slow = !slow;
            if !slow {
                return reply.success_raw(&args);
            }
            reply.later(async move {
                tokio::time::sleep(Duration::from_millis(2_500)).await;
                Answered::Results(args)
            })
        })
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_reply_is_remembered_is_executed_once_whatever_happens_to_it() {
    let (arrived, mut executed_in_all) = (Arc::new(AtomicUsize::new(0)), 0);
    for (drop, duplicate) in [(0, 300), (200, 0), (200, 200), (500, 100)] {
        let faults = Faults {
            drop,
            duplicate,
            delay: Duration::from_millis(50),
            jitter: Duration::from_millis(2_000),
            ..Faults::default()
        };
        for seed in 0..10 {
            let executed = Executed::default();
            let once = remembered(counting(&executed), &Duplicates::default(), [ECHO]);
            let arrived = arrived.clone();
            let service = intercepted(once, move |_: &Call<'_>| {
                arrived.fetch_add(1, Ordering::Relaxed);
                Ok(())
            });
            let timeout = Duration::from_secs(60);
            let ends = over_datagrams_to(service, faults, seed, 40, timeout).await;
            let executed = executed.lock().unwrap();
            assert!(
                executed.values().all(|times| *times == 1),
                "{faults:?} seed {seed}: {executed:?}"
            );
            assert_eq!(ends.wrong, 0, "{faults:?} seed {seed}");
            assert!(ends.right <= executed.len(), "{faults:?} seed {seed}");
            executed_in_all += executed.len();
        }
    }
    let arrived = arrived.load(Ordering::Relaxed);
    assert!(
        arrived > 2 * executed_in_all,
        "{arrived} calls arrived, {executed_in_all} in all"
    );
}

#[tokio::test(start_paused = true)]
async fn a_datagram_that_is_no_whole_call_ends_nothing_for_those_behind_it() {
    let (mut ours, theirs) = datagrams(Faults::default(), Faults::default(), 0);
    let _stop = serve(theirs, echo());
    // An xid, and that it is a call.
    ours.output().raw(&[0, 0, 0, 7, 0, 0, 0, 0]);
    ours.end_message();
    let (connection, driver) = Connection::new(ours, CallTable::new(7), Limits::CLIENT);
    tokio::spawn(driver.run());
    let timeout = Duration::from_secs(25);
    let ends = ends(&connection, 1, timeout, &mut Dice::new(7), 60).await;
    assert_eq!(ends.right, 1, "{ends:?}");
}

/// Whoever holds the connection then, such as a channel that calls on another by now, does not hold its socket.
#[tokio::test(start_paused = true)]
async fn a_driver_of_datagrams_ends_with_its_last_call_when_nobody_is_there() {
    let lost = Faults {
        drop: 1_000,
        ..Faults::default()
    };
    let refused = Faults {
        refuse: 1_000,
        ..Faults::default()
    };
    for (faults, kind) in [
        (lost, ErrorKind::TimedOut),
        (refused, ErrorKind::ConnectionRefused),
    ] {
        let (ours, _theirs) = datagrams(faults, faults, 7);
        let table = CallTable::new(7).with_retransmit(Retransmit::default());
        let limits = Limits {
            idle: None,
            ..Limits::CLIENT
        };
        let (connection, driver) = Connection::new(ours, table, limits);
        let driver = tokio::spawn(driver.run());
        let call = || connection.call_raw(ECHO, Bytes::new(), CallOptions::default());
        call().await.unwrap_err();
        let ended = tokio::time::timeout(Duration::from_secs(3_600), driver).await;
        ended.unwrap().unwrap().unwrap();
        // Why it ended is said as before.
        match call().await {
            Err(CallError::Connect(error)) => assert_eq!(error.kind(), kind),
            ended => panic!("{ended:?}"),
        }
    }
}
