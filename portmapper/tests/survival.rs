//! Registrations outlive the daemon: what was answered is there again, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod instance;
mod numbers;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;

use instance::{Instance, Place, call, rpcb, words};
use nix::sys::signal::Signal;
use numbers::{Numbers, either};
use oncrpc_xdr::Reader;

const SET: u32 = 1;
const UNSET: u32 = 2;
const DUMP: u32 = 4;

/// One registration: program, netid and address.
type Registration = (u32, String, String);

/// A SET or an UNSET.
#[derive(Clone, Debug)]
struct Step {
    procedure: u32,
    registration: Registration,
}

impl Step {
    /// Few programs and netids, so that steps meet; long addresses, so that the journal is soon overgrown.
    fn random(numbers: &mut Numbers, first_program: u32) -> Self {
        let program = first_program + numbers.below(4);
        let netid = ["udp", "tcp", "local", "other"][numbers.below(4) as usize];
        let address = "x".repeat(250) + &numbers.below(2).to_string();
        let (procedure, netid) = match numbers.below(8) {
            0 => (UNSET, ""),
            1..4 => (UNSET, netid),
            _ => (SET, netid),
        };
        Self {
            procedure,
            registration: (program, netid.to_owned(), address),
        }
    }

    fn message(&self) -> Vec<u8> {
        let (program, netid, address) = &self.registration;
        let call = call(self.procedure, &rpcb(*program, netid, address));
        let mark = 0x8000_0000 | u32::try_from(call.len()).unwrap();
        [&mark.to_be_bytes()[..], &call].concat()
    }

    /// What it makes of a list, and its answer.
    fn after(&self, before: &[Registration]) -> (Vec<Registration>, bool) {
        let mut list = before.to_vec();
        let (program, netid, address) = &self.registration;
        if self.procedure == UNSET {
            list.retain(|there| there.0 != *program || !netid.is_empty() && there.1 != *netid);
            return (list, true);
        }
        let there = before
            .iter()
            .find(|there| (there.0, &there.1) == (*program, netid));
        let answer = there.is_none_or(|there| there.2 == *address);
        if there.is_none() {
            list.push(self.registration.clone());
        }
        (list, answer)
    }
}

/// Somebody who registers programs of his own, and remembers what they should be.
struct Registrant {
    first_program: u32,
    stream: UnixStream,
    /// What is registered after the last answer, and after each step that is not answered yet.
    states: Vec<Vec<Registration>>,
    answers: Vec<bool>,
}

impl Registrant {
    fn new(instance: &Instance, first_program: u32, list: Vec<Registration>) -> Self {
        Self {
            first_program,
            stream: UnixStream::connect(&instance.socket).unwrap(),
            states: vec![list],
            answers: Vec::new(),
        }
    }

    /// Sends this many steps at once.
    fn send(&mut self, numbers: &mut Numbers, steps: u32) {
        let mut messages = Vec::new();
        for _ in 0..steps {
            let step = Step::random(numbers, self.first_program);
            let (after, answer) = step.after(self.states.last().unwrap());
            self.states.push(after);
            self.answers.push(answer);
            messages.extend(step.message());
        }
        self.stream.write_all(&messages).unwrap();
    }

    /// Waits for so many answers.
    fn hear(&mut self, answers: usize) {
        let mut reply = [0; 32];
        for _ in 0..answers {
            self.stream.read_exact(&mut reply).unwrap();
            self.heard(&reply);
        }
    }

    /// Takes the answers that are still there when the daemon is gone.
    fn hear_the_rest(&mut self) {
        let mut replies = Vec::new();
        // The end is a reset where the daemon had not read everything.
        let _ = self.stream.read_to_end(&mut replies);
        for reply in replies.chunks_exact(32) {
            self.heard(reply);
        }
    }

    fn heard(&mut self, reply: &[u8]) {
        let answer = u32::from(self.answers.remove(0));
        assert_eq!(reply, words(&[0x8000_001c, 7, 1, 0, 0, 0, 0, answer]));
        self.states.remove(0);
    }

    /// His part of a list, which is what was answered, perhaps with steps whose answer was still to come.
    fn find_again(&self, listed: &[Registration]) -> Vec<Registration> {
        let own = self.first_program..self.first_program + 10;
        let is_his = |there: &&Registration| own.contains(&there.0);
        let list: Vec<Registration> = listed.iter().filter(is_his).cloned().collect();
        assert!(self.states.contains(&list), "{list:?} of {:?}", self.states);
        list
    }
}

/// What DUMP tells.
fn listed(instance: &Instance) -> Vec<Registration> {
    let dump = instance.call(DUMP, &[]);
    let mut r = Reader::new(&dump);
    let mut list = Vec::new();
    while r.bool().unwrap() {
        let program = r.u32().unwrap();
        let _version = r.u32().unwrap();
        let [netid, address, _owner] = [(); 3].map(|()| r.string(1000).unwrap().to_string());
        list.push((program, netid, address));
    }
    list
}

/// Starts an instance and kills it when it listens, which is before it reads what it was left.
fn kill_at_the_start(place: &Place) {
    let mut process = place.command(&[]).spawn().unwrap();
    while TcpStream::connect(("127.0.0.1", place.port)).is_err() {
        assert_eq!(process.try_wait().unwrap(), None);
        std::thread::yield_now();
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn every_kill_leaves_what_was_answered_and_no_more() {
    let place = Place::new("kill");
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut known: [Vec<Registration>; 3] = Default::default();
    let rounds = either(100, 1_000);
    for round in 0..rounds {
        let instance = place.start(&[]);
        let mut registrants: Vec<Registrant> = (400_000..)
            .step_by(10)
            .zip(known)
            .map(|(program, list)| Registrant::new(&instance, program, list))
            .collect();
        for _ in 0..numbers.below(16) {
            let steps = numbers.below(64);
            for registrant in &mut registrants {
                registrant.send(&mut numbers, steps);
            }
            for registrant in &mut registrants {
                registrant.hear(steps as usize);
            }
        }
        for registrant in &mut registrants {
            registrant.send(&mut numbers, 32);
        }
        registrants[0].hear(numbers.below(2) as usize);
        instance.end(Signal::SIGKILL);
        if round % 4 == 0 {
            kill_at_the_start(&place);
        }
        let instance = place.start(&[]);
        let list = listed(&instance);
        known = std::array::from_fn(|index| {
            registrants[index].hear_the_rest();
            registrants[index].find_again(&list)
        });
        instance.end(if round % 8 == 0 {
            Signal::SIGTERM
        } else {
            Signal::SIGKILL
        });
    }
    assert!(known.iter().any(|list| !list.is_empty()));
    println!("{rounds} rounds of two kills");
}

#[test]
fn a_damaged_journal_is_reported_and_kept_up_to_the_damage() {
    let place = Place::new("damage");
    let instance = place.start(&[]);
    for program in 400_001..=400_003 {
        instance.set(program);
    }
    instance.end(Signal::SIGKILL);
    let file = place.path.join("state/journal");
    let mut journal = fs::read(&file).unwrap();
    let last = journal.len() - 1;
    journal[last] ^= 1;
    fs::write(&file, &journal).unwrap();
    for complaint in [true, false] {
        let (instance, log) = place.start_logged(&[]);
        assert!(instance.lists(400_001) && instance.lists(400_002));
        assert!(!instance.lists(400_003));
        let log = fs::read_to_string(log).unwrap();
        let complains = log.contains("journal is damaged: checksum 0x");
        assert_eq!(complains, complaint, "{log}");
        if complaint {
            let end = log
                .trim_end()
                .ends_with("; keeping the 2 registrations before it; it becomes journal.bad");
            assert!(end && log.contains(" at byte "), "{log}");
            let kept = fs::read(place.path.join("state/journal.bad")).unwrap();
            assert_eq!(kept, journal);
        }
        instance.end(Signal::SIGKILL);
    }
}

#[test]
fn a_start_without_w_is_empty_and_is_what_the_next_one_knows() {
    let place = Place::new("cold");
    let instance = place.start(&[]);
    instance.set(400_001);
    assert!(instance.end(Signal::SIGTERM).success());
    let instance = place.launch(&mut without_w(&place.command(&[])));
    assert!(!instance.lists(400_001));
    instance.set(400_002);
    instance.end(Signal::SIGKILL);
    let instance = place.start(&[]);
    assert!(!instance.lists(400_001) && instance.lists(400_002));
}

fn without_w(command: &Command) -> Command {
    let mut cold = Command::new(command.get_program());
    cold.args(command.get_args().filter(|&arg| arg != "-w"));
    let set = |(name, value): (_, Option<_>)| Some((name, value?));
    cold.envs(command.get_envs().filter_map(set));
    cold
}

#[test]
fn a_full_disk_refuses_changes_and_damages_nothing() {
    // Where files may have 4 KiB, a write is cut short there, as on a disk that is full.
    let place = Place::new("full");
    let log = place.path.join("log");
    let mut limited = Command::new("sh");
    let inner = place.command(&[]);
    limited
        .args(["-c", "trap '' XFSZ; ulimit -S -f 8; exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .stderr(fs::File::create(&log).unwrap());
    for (name, value) in inner.get_envs() {
        limited.env(name, value.unwrap());
    }
    let instance = place.launch(&mut limited);
    let answer = |procedure, program| {
        instance.call(procedure, &rpcb(program, "udp", "0.0.0.0.8.1")) == words(&[1])
    };
    let full = (400_001..).find(|&program| !answer(SET, program)).unwrap();
    assert!(full > 400_020, "{full}");
    let left = (400_001..)
        .find(|&program| !answer(UNSET, program))
        .unwrap();
    assert!(
        !answer(SET, full),
        "there may have been room for an UNSET, which is shorter"
    );
    assert!(answer(SET, left) && answer(UNSET, full), "nothing to write");
    let list = listed(&instance);
    let programs = list.iter().map(|registration| registration.0);
    assert!(
        programs
            .skip_while(|&program| program < 400_000)
            .eq(left..full)
    );
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("cannot write"), "{said}");

    instance.end(Signal::SIGKILL);
    let (instance, log) = place.start_logged(&[]);
    assert_eq!(listed(&instance), list);
    assert_eq!(fs::read_to_string(log).unwrap(), "");
}
