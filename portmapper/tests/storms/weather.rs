//! A storm: the daemon, those who call meanwhile, and what it cost.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::instance::{Instance, Place};
use crate::others::{Others, Way};

/// The daemon never holds more than this, in KiB, whatever comes: SECURITY.md promises it.
pub(crate) const MOST_MEMORY: u64 = 64 << 10;

/// Longest time that 99 of 100 others wait, where nothing else runs.
const PROMPT: Duration = Duration::from_millis(10);

/// Longest time to wait for what is sure to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A storm over an instance of its own.
pub(crate) struct Storm {
    name: &'static str,
    pub(crate) instance: Instance,
    pub(crate) place: Place,
    others: Option<Others>,
}

/// Whether the full figures are wanted.
pub(crate) fn is_full() -> bool {
    std::env::var_os("ONCRPC_STORMS").is_some_and(|wanted| wanted == "full")
}

/// How much of a storm: the sample, or the full figure.
pub(crate) fn either<T>(sample: T, full: T) -> T {
    if is_full() { full } else { sample }
}

/// Has as many descriptors as can be had: a storm needs more of them than a shell grants.
pub(crate) fn raise_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
}

impl Storm {
    /// A daemon with these settings, at which others call over every way.
    pub(crate) fn begin(name: &'static str, settings: &[&str]) -> Self {
        let (place, instance) = start(name, settings);
        Self::over(name, place, instance, &Way::ALL)
    }

    /// A daemon that runs already, at which others call over these ways.
    pub(crate) fn over(name: &'static str, place: Place, instance: Instance, ways: &[Way]) -> Self {
        raise_descriptors();
        let others = Others::begin(ways, place.port, instance.socket.clone());
        Self {
            name,
            instance,
            place,
            others: Some(others),
        }
    }

    /// Where it listens, as one of the host's many addresses.
    pub(crate) fn address(&self, host: u8) -> SocketAddr {
        ([127, 0, 0, host], self.place.port).into()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address(1)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Ends the storm: others were answered all the while, and the memory is what it may be.
    pub(crate) fn end(mut self, said: &str) {
        let waited = self.others.take().unwrap().end();
        let peak = self.instance.memory("VmHWM");
        println!(
            "{}: {said}; others {waited}; memory {peak} KiB at most",
            self.name
        );
        assert!(peak <= MOST_MEMORY, "{peak} KiB");
        assert!(!is_full() || waited.of_100 <= PROMPT, "{waited}");
    }
}

fn start(name: &str, settings: &[&str]) -> (Place, Instance) {
    let place = Place::new(&format!("storm-{name}"));
    let flags: Vec<_> = settings
        .iter()
        .flat_map(|setting| ["--set", setting])
        .collect();
    let instance = place.start(&flags);
    (place, instance)
}

impl Instance {
    /// A line of the kernel's account of the process, in KiB: `VmHWM` is the most there was, `RssAnon` what it holds now,
    /// without the pages of the program, which come and go as the machine needs them.
    pub(crate) fn memory(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|known| known.strip_prefix(line))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Descriptors that it has open.
    pub(crate) fn descriptors(&self) -> usize {
        let open = fs::read_dir(format!("/proc/{}/fd", self.process.id()));
        open.unwrap().count()
    }

    /// Processor time that it has taken.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        // Behind the name, which is in brackets: user and system time are fields 14 and 15, in hundredths of a second.
        let fields: Vec<_> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11..13]
            .iter()
            .map(|ticks| ticks.parse::<u64>().unwrap())
            .sum();
        Duration::from_millis(ticks * 10)
    }
}
