//! A storm: the daemon, those who call meanwhile, and what it cost.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::instance::{Instance, Place};
use crate::others::{Called, Others, Way};

/// The daemon never holds more than this, in KiB, whatever comes: SECURITY.md promises it.
pub(crate) const MOST_MEMORY: u64 = 64 << 10;

/// Longest time that others may wait more, because of the storm, than at a daemon that it is not over: what else runs on the
/// machine delays both. A daemon that is at work has the processor taken from it, too, where there are not enough of them, and one
/// that sleeps has not; so this is as much longer as the kernel says that it had to wait for one.
const PROMPT: Duration = Duration::from_millis(10);

/// Longest time to wait for what is sure to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A storm over an instance of its own.
pub(crate) struct Storm {
    name: &'static str,
    pub(crate) instance: Instance,
    pub(crate) place: Place,
    others: Others,
    /// The daemon's account with the scheduler at the beginning.
    before: (Duration, Duration),
    /// The daemon that the storm is not over.
    calm: (Place, Instance),
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
        let calm = start(&format!("{name}-calm"), &[]);
        let daemons = [(&place, &instance), (&calm.0, &calm.1)];
        let others = Others::begin(
            ways,
            daemons.map(|(place, instance)| Called {
                port: place.port,
                socket: instance.socket.clone(),
            }),
        );
        Self {
            name,
            before: instance.schedule(),
            instance,
            place,
            others,
            calm,
        }
    }

    /// Where it listens, as one of the host's many addresses.
    pub(crate) fn address(&self, host: u8) -> SocketAddr {
        ([127, 0, 0, host], self.place.port).into()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(&self.place)
    }

    /// The daemon that the storm is not over, and a connection to it.
    pub(crate) fn calm(&self) -> (&Instance, TcpStream) {
        let (place, instance) = &self.calm;
        (instance, connect(place))
    }

    /// Ends the storm: others were answered all the while, and the memory is what it may be.
    pub(crate) fn end(self, said: &str) {
        let Self {
            name,
            instance,
            others,
            before,
            calm: _calm,
            ..
        } = self;
        let [waited, calm] = others.end();
        // Who gets a half of the processor that it wants takes twice the time.
        let (ran, stood) = instance.schedule();
        let (ran, stood) = (ran - before.0, stood - before.1);
        let slower = 1.0 + stood.as_secs_f64() / ran.as_secs_f64();
        let prompt = PROMPT.mul_f64(slower);
        let peak = instance.memory("VmHWM");
        println!(
            "{name}: {said}; others {waited}; without the storm {calm}; slowed {slower:.1} times by the machine; memory {peak} KiB at most"
        );
        assert!(peak <= MOST_MEMORY, "{peak} KiB");
        // Of a few calls half is nobody.
        assert!(
            waited.calls < 100 || waited.of_2 <= calm.of_2 + prompt,
            "half of the others"
        );
        assert!(
            !is_full() || waited.of_100 <= calm.of_100 + prompt,
            "99 of 100 others"
        );
    }
}

fn connect(place: &Place) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
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

    /// Processor time that its threads have taken.
    pub(crate) fn processor_time(&self) -> Duration {
        self.schedule().0
    }

    /// How long its threads ran, and how long they could have run and others did.
    fn schedule(&self) -> (Duration, Duration) {
        let threads = fs::read_dir(format!("/proc/{}/task", self.process.id())).unwrap();
        threads.fold(Default::default(), |(ran, waited), thread| {
            let schedule = fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            let mut nanos = schedule.split(' ').map(|nanos| nanos.parse().unwrap());
            let mut next = || Duration::from_nanos(nanos.next().unwrap());
            (ran + next(), waited + next())
        })
    }
}

/// The middle one of these.
pub(crate) fn middle<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() / 2]
}
