//! A daemon that may have 40 descriptors.

use std::io::Read;
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::{Place, ask};
use crate::others::Way;
use crate::weather::{Storm, either, is_full};

#[test]
fn with_few_descriptors_the_host_still_registers_and_nothing_spins() {
    let place = Place::new("storm-descriptors");
    let daemon = place.command(&[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 40; exec \"$@\"", "sh"]);
    limited.arg(daemon.get_program()).args(daemon.get_args());
    limited.env("NOTIFY_SOCKET", place.path.join("ready"));
    let instance = place.launch(&mut limited);
    let crowd: Vec<_> = (0..500)
        .map(|_| TcpStream::connect(("127.0.0.1", place.port)).unwrap())
        .collect();
    let (begun, before) = (Instant::now(), instance.processor_time());
    thread::park_timeout(either(Duration::from_millis(500), Duration::from_secs(20)));
    let took = instance.processor_time() - before;
    let share = 100.0 * took.as_secs_f64() / begun.elapsed().as_secs_f64();
    let most = instance.descriptors();
    let storm = Storm::over("descriptors", place, instance, &[Way::Datagrams, Way::Unix]);
    thread::park_timeout(either(Duration::from_millis(500), Duration::from_secs(20)));
    drop(crowd);
    let gone = Instant::now();
    assert!(ask(&mut storm.connect(), 0, &[]).is_empty());
    let again = gone.elapsed();
    storm.end(&format!(
        "{most} open, {share:.1} % of a core, a new connection answered {again:.1?} after the crowd"
    ));
    assert!(most <= 40, "{most}");
    assert!(!is_full() || share <= 5.0, "{share}");
    assert!(!is_full() || again <= Duration::from_secs(1), "{again:?}");
}

#[test]
fn where_each_place_is_taken_by_who_calls_others_wait_for_one_and_get_it() {
    let place = Place::new("storm-places");
    let instance = place.start(&["--set", "connections = 8"]);
    let storm = Storm::over("places", place, instance, &[Way::Datagrams]);
    let mut callers: Vec<_> = (0..7).map(|_| storm.connect()).collect();
    for caller in &mut callers {
        assert!(ask(caller, 0, &[]).is_empty());
    }
    let mut ninth = storm.connect();
    ninth.set_nonblocking(true).unwrap();
    for caller in &mut callers {
        assert!(ask(caller, 0, &[]).is_empty(), "nobody leaves who calls");
    }
    assert!(ninth.read(&mut [0]).is_err());
    callers.clear();
    ninth.set_nonblocking(false).unwrap();
    assert!(ask(&mut ninth, 0, &[]).is_empty());
    storm.end("8 places");
}
