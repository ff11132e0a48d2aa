//! Calls that nobody thought of: twenty thousand, the same for theirs and for ours, and every answer compared.
//!
//! The generator leaves out what COMPATIBILITY.md lists, where a difference would make the tables differ from there
//! on; the conformance table has that. What is an address's host is not compared here: by which address a host is
//! told is one of the differences.

use std::collections::HashMap;
use std::fmt::Write as _;

use oncrpc_interop::{
    Answer, Caller, Host, Line, Message, PMAPPROG, Transport, Which, call, needs_root,
};

/// Calls to one rpcbind.
const CALLS: usize = 500;

/// Rpcbinds of each, alternately without flags and with `-i`.
const SESSIONS: u64 = 40;

/// Calls between two looks at the whole tables.
const LOOK_EVERY: usize = 50;

/// Programs that nobody has registered before.
const P: u32 = 0x2000_0e10;

#[test]
fn twenty_thousand_calls_are_answered_alike() {
    needs_root!();
    let sessions: Vec<u64> = (1..=SESSIONS).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let chunk = sessions.len().div_ceil(workers);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let working: Vec<_> = sessions
            .chunks(chunk)
            .map(|some| scope.spawn(|| some.iter().filter_map(|&seed| session(seed)).collect()))
            .collect();
        let wrong = working
            .into_iter()
            .map(|worker| worker.join().expect("it has not panicked"));
        wrong.collect::<Vec<Vec<String>>>().concat()
    });
    assert!(
        wrong.is_empty(),
        "{} of {SESSIONS} sessions differ; the first:\n{}",
        wrong.len(),
        wrong[0]
    );
}

/// What is asked, by whom and how.
struct Call {
    caller: Caller,
    transport: Transport,
    version: u32,
    procedure: u32,
    message: Message,
    /// For people.
    what: String,
}

/// Asks theirs and ours the same, and says where they differ first.
fn session(seed: u64) -> Option<String> {
    let flags: &[&str] = if seed.is_multiple_of(2) { &["-i"] } else { &[] };
    let hosts = [Host::new(), Host::new()];
    let _rpcbinds = [
        hosts[0].rpcbind(Which::Theirs, flags),
        hosts[1].rpcbind(Which::Ours, flags),
    ];
    let mut lines = [Lines::new(&hosts[0]), Lines::new(&hosts[1])];
    let mut dice = Dice(seed);
    let mut asked = Vec::new();
    for number in 0..CALLS {
        let call = dice.call();
        let [theirs, ours] = lines.each_mut().map(|lines| call.seen(lines));
        asked.push(call.what);
        let mut differ = (theirs != ours).then(|| format!("theirs {theirs:?}\nours   {ours:?}"));
        if differ.is_none() && number % LOOK_EVERY == 0 {
            let [theirs, ours] = lines.each_mut().map(Lines::tables);
            differ =
                (theirs != ours).then(|| format!("tables\ntheirs {theirs:?}\nours   {ours:?}"));
        }
        if let Some(differ) = differ {
            let mut said = format!("session {seed} {flags:?}, call {number}\n{differ}\n");
            for what in asked.iter().rev().take(12) {
                let _ = writeln!(said, "  before: {what}");
            }
            return Some(said);
        }
    }
    None
}

/// A caller's sockets, opened when they are first used.
struct Lines<'a> {
    host: &'a Host,
    open: HashMap<(u8, u8), Line<'a>>,
}

impl<'a> Lines<'a> {
    fn new(host: &'a Host) -> Self {
        Self {
            host,
            open: HashMap::new(),
        }
    }

    fn ask(&mut self, caller: Caller, transport: Transport, message: &Message) -> Answer {
        let line = self.open.entry((caller as u8, transport as u8));
        line.or_insert_with(|| self.host.line(caller, transport))
            .ask(message)
    }

    fn tables(&mut self) -> [Answer; 2] {
        [call(2, 4), call(3, 4)].map(|dump| self.ask(Caller::Root, Transport::Tcp, &dump))
    }
}

impl Call {
    /// The answer, without what is allowed to differ.
    fn seen(&self, lines: &mut Lines<'_>) -> Answer {
        let mut answer = lines.ask(self.caller, self.transport, &self.message);
        for reply in &mut answer.replies {
            match (self.version, self.procedure) {
                // GETTIME: the time.
                (3 | 4, 6) => reply.truncate(24),
                // GETADDR, GETVERSADDR, GETADDRLIST, and addresses that were translated.
                (3 | 4, 3 | 9 | 11) => *reply = without_hosts(reply),
                _ => {}
            }
        }
        answer
    }
}

/// A reply whose addresses have lost their hosts: of `192.0.2.1.8.1` and `::1.8.1` what is left is `.8.1`.
///
/// Each word that looks like the length of a string is taken for one: the same words make the same text.
fn without_hosts(reply: &[u8]) -> Vec<u8> {
    let mut left = Vec::new();
    let mut rest = reply;
    while let Some((word, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*word) as usize;
        let text = behind.get(..length).filter(|text| text.len() > 4);
        match text.and_then(|text| port_of(text)) {
            Some(port) => {
                left.extend(port);
                rest = &behind[length.next_multiple_of(4).min(behind.len())..];
            }
            None => {
                left.extend(word);
                rest = behind;
            }
        }
    }
    left.extend(rest);
    left
}

/// The port of a universal address of a network, with the dots before its two halves.
fn port_of(text: &[u8]) -> Option<&[u8]> {
    let low = text.iter().rposition(|&byte| byte == b'.')?;
    let high = text[..low].iter().rposition(|&byte| byte == b'.')?;
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let is_host = |byte: &u8| byte.is_ascii_hexdigit() || b".:%".contains(byte);
    let is_port = digits(&text[low + 1..]) && digits(&text[high + 1..low]);
    (is_port && text[..high].iter().all(is_host)).then(|| &text[high..])
}

/// A sequence of numbers that its seed decides (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    fn program(&mut self) -> u32 {
        match self.below(20) {
            0 => PMAPPROG,
            1 => self.pick(&[0, 1, u32::MAX]),
            _ => P + self.below(4) as u32,
        }
    }

    fn version(&mut self) -> u32 {
        match self.below(20) {
            0 => self.pick(&[0, u32::MAX]),
            _ => 1 + self.below(4) as u32,
        }
    }

    fn netid(&mut self) -> &'static str {
        self.pick(&["tcp", "udp", "tcp6", "udp6", "local"])
    }

    /// An address that a service on all of the host's addresses registers, or what is none.
    fn address(&mut self, netid: &str) -> String {
        let (high, low) = (self.below(8), self.below(256));
        match (self.below(20), netid) {
            (0, _) => String::new(),
            (_, "tcp" | "udp") => format!("0.0.0.0.{high}.{low}"),
            (_, "tcp6" | "udp6") => format!("::.{high}.{low}"),
            _ => format!("/run/{high}.sock"),
        }
    }

    fn owner(&mut self) -> &'static str {
        self.pick(&["", "owner", "superuser", "1000", "unknown"])
    }

    /// A call of somebody, somehow.
    fn call(&mut self) -> Call {
        let transport = self.pick(&Transport::ALL);
        let caller = match transport {
            Transport::Local => self.pick(&[Caller::Root, Caller::User, Caller::OtherUser]),
            _ => self.pick(&[
                Caller::Root,
                Caller::Root,
                Caller::User,
                Caller::Remote,
                Caller::RemoteRoot,
                Caller::OwnAddress,
            ]),
        };
        let version = self.pick(&[2, 3, 4]);
        // Calls that are forwarded are left out: without -r they are refused, with -r theirs is no oracle.
        let procedure = match version {
            2 => self.pick(&[0, 1, 1, 2, 3, 3, 4, 6, 77]),
            3 => self.pick(&[0, 1, 1, 2, 3, 3, 4, 6, 7, 8, 9, 77]),
            _ => self.pick(&[0, 1, 1, 2, 3, 3, 4, 6, 7, 8, 9, 9, 11, 12, 13, 77]),
        };
        // Strangers get no long answers over datagrams of ours.
        let transport = match (procedure, transport) {
            (4 | 11 | 12, Transport::Udp) => Transport::Tcp,
            (4 | 11 | 12, Transport::Udp6) => Transport::Tcp6,
            _ => transport,
        };
        let superuser = caller == Caller::Root;
        let message = match version {
            2 => self.version_2(procedure, superuser),
            _ => self.version_3_and_4(version, procedure, superuser),
        };
        let mut message = message;
        if self.one_in(4) {
            let uid = self.pick(&[0, 1000, 1001]);
            message = message.auth_sys(uid, &[0, 5]);
        }
        if self.one_in(16) {
            message = message.raw(&[0; 8]);
        }
        // Of a datagram that ends early ours says what it thinks.
        let length = message.bytes().len();
        if self.one_in(16) && !Transport::DATAGRAM.contains(&transport) && length > 40 {
            let words = (length - 40) as u64 / 4;
            message = message.cut(40 + 4 * self.below(words) as usize);
        }
        if self.one_in(32) {
            message = message.program(P + 9);
        }
        if self.one_in(32) {
            message = message.version(self.pick(&[0, 1, 5, u32::MAX]));
        }
        let what = format!(
            "{caller:?} over {}: v{version} procedure {procedure} {:?}",
            transport.netid(),
            message.bytes()
        );
        Call {
            caller,
            transport,
            version,
            procedure,
            message,
            what,
        }
    }

    fn version_2(&mut self, procedure: u32, superuser: bool) -> Message {
        let (program, version) = (self.program(), self.version());
        let protocol = self.pick(&[6, 6, 17, 17, 0, 99]);
        let port = self.pick(&[0, 111, 600, 2049, 2050, 65_535]);
        match procedure {
            // Of somebody who may remove one but not the other ours removes neither.
            2 if !superuser => call(2, 3).u32s(&[program, version, protocol, port]),
            1..=3 => call(2, procedure).u32s(&[program, version, protocol, port]),
            _ => call(2, procedure),
        }
    }

    fn version_3_and_4(&mut self, rpcb: u32, procedure: u32, superuser: bool) -> Message {
        let (program, version, netid) = (self.program(), self.version(), self.netid());
        let address = match procedure {
            1 | 2 => self.address(netid),
            _ => String::new(),
        };
        // The same as above: of all netids only whoever may remove every one.
        let netid = match procedure {
            2 if superuser && self.one_in(4) => "",
            _ => netid,
        };
        match procedure {
            1..=3 | 9 | 11 => {
                call(rpcb, procedure).rpcb(program, version, netid, &address, self.owner())
            }
            // UADDR2TADDR and TADDR2UADDR.
            7 => {
                let netid = self.netid();
                call(rpcb, procedure).opaque(self.address(netid))
            }
            8 => {
                let family = self.pick(&[2, 10, 1, 0, 77]);
                let length = self.pick(&[0, 2, 8, 16, 28, 40]);
                let mut address = vec![family, 0, 8, self.below(256) as u8];
                address.resize(length, 7);
                call(rpcb, procedure).u32(length as u32).opaque(address)
            }
            _ => call(rpcb, procedure),
        }
    }
}
