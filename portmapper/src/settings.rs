//! What the administrator has set: in a file, on the command line, or not at all.
//!
//! The file is TOML without tables, a line for each setting; `rpcbind.toml` beside this crate's manifest shows
//! all of them. It is read once, at the start. The command line wins. Each setting remembers where it comes from,
//! for `--check`. (`/etc/rpcbind.conf` is something else: variables of the unit, rpcbind's own.)

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::cli::Options;
use crate::forward::{Forwarder, IN_ALL, PER_CALLER};
use crate::limits;
use crate::own_address::OwnAddress;
use crate::policy::{Policy, ReplyBound};
use crate::registry::{MAX_ENTRIES, Quota};

/// The file that is read unless the command line names another.
pub const PATH: &str = "/etc/rpcbind.toml";

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `-w`: register what the last rpcbind left.
    pub warm_start: Setting<bool>,
    /// `-i`: SET and UNSET from any host.
    pub insecure: Setting<bool>,
    /// `-l`: log every request.
    pub log_requests: Setting<bool>,
    /// `-r`: forward calls.
    pub remote_calls: Setting<bool>,
    /// Forwarded calls of each caller in a second.
    pub remote_calls_per_address: Setting<usize>,
    /// Forwarded calls of all callers in a second.
    pub remote_calls_per_second: Setting<usize>,
    /// The user to become; `-s` is `daemon`. Nobody named: `_rpc`, or `daemon` where there is none.
    pub user: Setting<Option<String>>,
    /// `-h`: names and addresses for UDP.
    pub udp_addresses: Setting<Vec<OsString>>,
    /// Addresses for TCP and UDP.
    pub bind: Setting<Vec<OwnAddress>>,
    /// Whether all places are needed, or as many as can be bound.
    pub strict: Setting<bool>,
    /// Serve also what the service manager has passed no socket for.
    pub bind_missing: Setting<bool>,
    /// The port of TCP and UDP, instead of that of /etc/services.
    pub port: Setting<Option<u16>>,
    /// The Unix socket.
    pub socket: Setting<PathBuf>,
    /// Whether the abstract socket of the same name is wanted, too.
    pub abstract_socket: Setting<bool>,
    /// The directory of the state files.
    pub state_dir: Setting<PathBuf>,
    /// The lock file.
    pub lock: Setting<PathBuf>,
    /// The Unix socket of the metrics, if there are any.
    pub metrics: Setting<Option<PathBuf>>,
    /// Whether hosts.allow and hosts.deny are asked.
    pub hosts_access: Setting<bool>,
    /// Whether what is not needed any more is given up once it serves.
    pub sandbox: Setting<bool>,
    /// Whether ports below 1024 and the programs of the system are for the superuser to register.
    pub reserved_for_root: Setting<bool>,
    /// Registrations in all.
    pub registrations: Setting<usize>,
    /// Registrations of each user but the superuser.
    pub registrations_per_user: Setting<usize>,
    /// Registrations of all whom nothing identifies, together.
    pub registrations_of_unknown: Setting<usize>,
    /// Connections in all.
    pub connections: Setting<usize>,
    /// Those of them that only this host can have.
    pub connections_reserved: Setting<usize>,
    /// Connections of each remote address.
    pub connections_per_address: Setting<usize>,
    /// Seconds after which a silent TCP connection is closed.
    pub idle_seconds: Setting<usize>,
    /// Threads that answer over UDP.
    pub udp_threads: Setting<usize>,
    /// Calls of each network elsewhere that are looked at over UDP in a second.
    pub udp_calls_per_network: Setting<usize>,
    /// The same of all of them together.
    pub udp_calls_per_second: Setting<usize>,
    /// Bytes sent to a stranger over UDP for each byte received.
    pub udp_reply_factor: Setting<usize>,
    /// Bytes of the longest reply to a stranger over UDP.
    pub udp_reply_bytes: Setting<usize>,
}

/// A setting and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// What is set.
    pub value: T,
    /// By whom.
    pub from: Source,
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody has set it.
    Default,
    /// This line of a file.
    File(PathBuf, usize),
    /// The command line.
    CommandLine,
}

/// Settings that make no sense; prints where, and what is allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{from}: {reason}")]
pub struct BadSetting {
    from: Source,
    reason: String,
}

/// A setting of whatever type.
enum Field<'a> {
    Flag(&'a mut Setting<bool>),
    /// A number between two.
    Number(&'a mut Setting<usize>, usize, usize),
    Port(&'a mut Setting<Option<u16>>),
    Path(&'a mut Setting<PathBuf>),
    OptionalPath(&'a mut Setting<Option<PathBuf>>),
    Name(&'a mut Setting<Option<String>>),
    Words(&'a mut Setting<Vec<OsString>>),
    Addresses(&'a mut Setting<Vec<OwnAddress>>),
}

impl Settings {
    /// What the command line says, and the file that it names, or else the usual one if it is there.
    ///
    /// An instance of somebody's own has nothing to do with the host's file.
    pub fn read(options: &Options) -> Result<Self, BadSetting> {
        let mut settings = Self::default();
        let file = match &options.config {
            Some(path) => Some((path.clone(), true)),
            None if options.is_private() => None,
            None => Some((PATH.into(), false)),
        };
        if let Some((path, needed)) = file {
            match std::fs::read_to_string(&path) {
                Ok(text) => settings.apply(&text, |line| Source::File(path.clone(), line))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound && !needed => {}
                Err(error) => {
                    return Err(BadSetting::new(Source::File(path, 0), error.to_string()));
                }
            }
        }
        settings.apply_options(options)?;
        if !settings.bind.value.is_empty() && !settings.udp_addresses.value.is_empty() {
            let reason = "udp-addresses (-h) and bind exclude each other".to_owned();
            return Err(BadSetting::new(settings.udp_addresses.from, reason));
        }
        Ok(settings)
    }

    /// Names, values and sources of all, in the order of the file that shows them.
    pub fn list(&self) -> Vec<(&'static str, String, Source)> {
        let mut copy = self.clone();
        let fields = copy.fields().into_iter();
        fields
            .map(|(name, field)| {
                let (value, from) = field.show();
                (name, value, from.clone())
            })
            .collect()
    }

    /// What policy makes of them.
    pub fn policy(&self) -> Policy {
        let or_all = |quota: &Setting<usize>| match quota.value {
            0 => MAX_ENTRIES,
            most => most,
        };
        Policy {
            insecure: self.insecure.value,
            reserved_for_root: self.reserved_for_root.value,
            quota: Quota {
                entries: self.registrations.value,
                per_user: or_all(&self.registrations_per_user),
                of_unknown: or_all(&self.registrations_of_unknown),
            },
            to_strangers: ReplyBound {
                factor: self.udp_reply_factor.value,
                bytes: self.udp_reply_bytes.value,
            },
        }
    }

    /// What forwards calls, if any are to be forwarded.
    pub fn forwarder(&self) -> Option<Forwarder> {
        // INVARIANT: they are at most what the forwarder has by default, which has this type.
        let rate = |setting: &Setting<usize>| u32::try_from(setting.value).unwrap_or(u32::MAX);
        let (one, all) = (
            &self.remote_calls_per_address,
            &self.remote_calls_per_second,
        );
        self.remote_calls
            .value
            .then(|| Forwarder::with_rates(rate(one), rate(all)))
    }

    /// Every setting by its name in the file.
    fn fields(&mut self) -> Vec<(&'static str, Field<'_>)> {
        use Field::{Addresses, Flag, Name, Number, OptionalPath, Path, Port, Words};
        const ALL: usize = MAX_ENTRIES;
        const MANY: usize = 1 << 20;
        const REMOTE_CALLS: usize = IN_ALL.per_second as usize;
        const UDP_CALLS: usize = limits::RATES.in_all.per_second as usize;
        vec![
            ("warm-start", Flag(&mut self.warm_start)),
            ("insecure", Flag(&mut self.insecure)),
            ("log-requests", Flag(&mut self.log_requests)),
            ("remote-calls", Flag(&mut self.remote_calls)),
            (
                "remote-calls-per-address",
                Number(&mut self.remote_calls_per_address, 1, REMOTE_CALLS),
            ),
            (
                "remote-calls-per-second",
                Number(&mut self.remote_calls_per_second, 1, REMOTE_CALLS),
            ),
            ("user", Name(&mut self.user)),
            ("udp-addresses", Words(&mut self.udp_addresses)),
            ("bind", Addresses(&mut self.bind)),
            ("strict", Flag(&mut self.strict)),
            ("bind-missing", Flag(&mut self.bind_missing)),
            ("port", Port(&mut self.port)),
            ("socket", Path(&mut self.socket)),
            ("abstract-socket", Flag(&mut self.abstract_socket)),
            ("state-dir", Path(&mut self.state_dir)),
            ("lock", Path(&mut self.lock)),
            ("metrics", OptionalPath(&mut self.metrics)),
            ("hosts-access", Flag(&mut self.hosts_access)),
            ("sandbox", Flag(&mut self.sandbox)),
            ("reserved-for-root", Flag(&mut self.reserved_for_root)),
            ("registrations", Number(&mut self.registrations, 64, ALL)),
            (
                "registrations-per-user",
                Number(&mut self.registrations_per_user, 0, ALL),
            ),
            (
                "registrations-of-unknown",
                Number(&mut self.registrations_of_unknown, 0, ALL),
            ),
            ("connections", Number(&mut self.connections, 2, MANY)),
            (
                "connections-reserved",
                Number(&mut self.connections_reserved, 1, MANY),
            ),
            (
                "connections-per-address",
                Number(&mut self.connections_per_address, 1, MANY),
            ),
            ("idle-seconds", Number(&mut self.idle_seconds, 1, 86_400)),
            ("udp-threads", Number(&mut self.udp_threads, 1, 16)),
            (
                "udp-calls-per-network",
                Number(&mut self.udp_calls_per_network, 1, UDP_CALLS),
            ),
            (
                "udp-calls-per-second",
                Number(&mut self.udp_calls_per_second, 1, UDP_CALLS),
            ),
            (
                "udp-reply-factor",
                Number(&mut self.udp_reply_factor, 1, 1000),
            ),
            (
                "udp-reply-bytes",
                Number(&mut self.udp_reply_bytes, 24, 9000),
            ),
        ]
    }

    /// Takes the text of a file, or of an option; `source` says what a line of it is called.
    pub fn apply(
        &mut self,
        text: &str,
        source: impl Fn(usize) -> Source,
    ) -> Result<(), BadSetting> {
        let line = |at: usize| text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1;
        let table = DeTable::parse(text).map_err(|error| {
            let line = line(error.span().map_or(0, |span| span.start));
            let meant = self.meant_in(text.lines().nth(line - 1).unwrap_or_default());
            let reason = format!("{}{meant}", error.message());
            BadSetting::new(source(line), reason)
        })?;
        for (name, value) in table.get_ref() {
            let from = source(line(name.span().start));
            let mut fields = self.fields();
            let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
            let field = fields.iter_mut().find(|(known, _)| known == name.get_ref());
            let Some((_, field)) = field else {
                let name = name.get_ref();
                let instead = match names.iter().find(|known| is_near(name, known)) {
                    Some(known) => format!("did you mean {known}?"),
                    None => format!("there are {}", names.join(", ")),
                };
                let reason = format!("there is no setting {name}; {instead}");
                return Err(BadSetting::new(from, reason));
            };
            if field.set(value.get_ref(), from.clone()).is_none() {
                let reason = format!("{} is {}", name.get_ref(), field.allowed());
                return Err(BadSetting::new(from, reason));
            }
        }
        Ok(())
    }

    /// What may stand in a line that is no TOML, if it is known which setting it is about.
    fn meant_in(&mut self, line: &str) -> String {
        let name = line.split(['=', ':']).next().unwrap_or_default().trim();
        let mut fields = self.fields().into_iter();
        let field = fields.find(|(known, _)| *known == name);
        field.map_or_else(String::new, |(name, field)| {
            format!("; {name} is {}", field.allowed())
        })
    }

    fn apply_options(&mut self, options: &Options) -> Result<(), BadSetting> {
        for text in &options.set {
            let applied = self.apply(text, |_| Source::CommandLine);
            applied.map_err(|BadSetting { from, reason }| {
                BadSetting::new(from, format!("--set '{text}': {reason}"))
            })?;
        }
        for (said, flag) in [
            (options.warm_start, &mut self.warm_start),
            (options.insecure, &mut self.insecure),
            (options.log, &mut self.log_requests),
            (options.remote_calls, &mut self.remote_calls),
            (options.bind_missing, &mut self.bind_missing),
        ] {
            if said {
                flag.say(true);
            }
        }
        if options.is_private() {
            self.abstract_socket.say(false);
        }
        if options.as_daemon {
            self.user.say(Some("daemon".to_owned()));
        }
        if !options.hosts.is_empty() {
            self.udp_addresses.say(options.hosts.clone());
        }
        if !options.bind.is_empty() {
            self.bind.say(options.bind.clone());
        }
        if let Some(port) = options.port {
            self.port.say(Some(port));
        }
        // The daemon leaves its directory.
        let absolute = |said: &PathBuf| {
            std::path::absolute(said).map_err(|error| {
                let reason = format!("{}: {error}", said.display());
                BadSetting::new(Source::CommandLine, reason)
            })
        };
        for (said, path) in [
            (&options.socket, &mut self.socket),
            (&options.state_directory, &mut self.state_dir),
            (&options.lock, &mut self.lock),
        ] {
            if let Some(said) = said {
                path.say(absolute(said)?);
            }
        }
        if let Some(said) = &options.metrics {
            self.metrics.say(Some(absolute(said)?));
        }
        Ok(())
    }
}

impl Default for Settings {
    /// What holds where nobody has set anything: rpcbind's ways, and limits that nobody meets who means well.
    fn default() -> Self {
        fn of<T>(value: T) -> Setting<T> {
            let from = Source::Default;
            Setting { value, from }
        }
        Self {
            warm_start: of(false),
            insecure: of(false),
            log_requests: of(false),
            remote_calls: of(false),
            remote_calls_per_address: of(PER_CALLER.per_second as usize),
            remote_calls_per_second: of(IN_ALL.per_second as usize),
            user: of(None),
            udp_addresses: of(Vec::new()),
            bind: of(Vec::new()),
            strict: of(false),
            bind_missing: of(false),
            port: of(None),
            socket: of("/run/rpcbind.sock".into()),
            abstract_socket: of(true),
            state_dir: of("/run/rpcbind".into()),
            lock: of("/run/rpcbind.lock".into()),
            metrics: of(None),
            hosts_access: of(true),
            sandbox: of(true),
            reserved_for_root: of(false),
            registrations: of(MAX_ENTRIES),
            registrations_per_user: of(0),
            registrations_of_unknown: of(0),
            connections: of(4096),
            connections_reserved: of(64),
            connections_per_address: of(64),
            idle_seconds: of(60),
            udp_threads: of(1),
            udp_calls_per_network: of(limits::RATES.per_source.per_second as usize),
            udp_calls_per_second: of(limits::RATES.in_all.per_second as usize),
            udp_reply_factor: of(3),
            udp_reply_bytes: of(512),
        }
    }
}

/// Whether a name that is none differs from one that is in what people mistake: `warm_start`, `idle-second`, `inscure`.
fn is_near(name: &str, known: &str) -> bool {
    let name = name.replace('_', "-").to_ascii_lowercase();
    let (mut name, mut known) = (name.as_bytes(), known.as_bytes());
    while let ([a, name_rest @ ..], [b, known_rest @ ..]) = (name, known)
        && a == b
    {
        (name, known) = (name_rest, known_rest);
    }
    // What is left once one letter is put right is the same.
    let [without_one, instead] = [name, known].map(|text| text.get(1..).unwrap_or_default());
    name == instead || without_one == known || without_one == instead
}

impl<T> Setting<T> {
    fn say(&mut self, value: T) {
        self.set(Some(value), Source::CommandLine);
    }

    fn set(&mut self, value: Option<T>, from: Source) -> Option<()> {
        *self = Self {
            value: value?,
            from,
        };
        Some(())
    }
}

impl Field<'_> {
    /// Takes a value of the file; `None` if it is none for this setting.
    fn set(&mut self, value: &DeValue<'_>, from: Source) -> Option<()> {
        let number = || {
            let number = value.as_integer()?;
            usize::from_str_radix(number.as_str(), number.radix()).ok()
        };
        let texts = || {
            let array = value.as_array()?;
            array
                .iter()
                .map(|text| text.get_ref().as_str())
                .collect::<Option<Vec<_>>>()
        };
        match self {
            Self::Flag(flag) => flag.set(value.as_bool(), from),
            Self::Number(setting, low, high) => setting.set(
                number().filter(|number| (*low..=*high).contains(number)),
                from,
            ),
            Self::Port(port) => {
                let number = number().and_then(|number| u16::try_from(number).ok());
                port.set(number.filter(|&port| port > 0).map(Some), from)
            }
            Self::Path(path) => {
                let absolute = value.as_str().filter(|path| Path::new(path).is_absolute());
                path.set(absolute.map(PathBuf::from), from)
            }
            Self::OptionalPath(path) => {
                let absolute = value.as_str().filter(|path| Path::new(path).is_absolute());
                path.set(absolute.map(|path| Some(path.into())), from)
            }
            Self::Name(name) => name.set(value.as_str().map(|name| Some(name.to_owned())), from),
            Self::Words(words) => words.set(
                texts().map(|texts| texts.iter().map(OsString::from).collect()),
                from,
            ),
            Self::Addresses(addresses) => {
                let parsed =
                    texts().and_then(|texts| texts.iter().map(|text| text.parse().ok()).collect());
                addresses.set(parsed, from)
            }
        }
    }

    /// What values there are.
    fn allowed(&self) -> String {
        match self {
            Self::Flag(_) => "true or false".to_owned(),
            Self::Number(_, low, high) => format!("a number from {low} to {high}"),
            Self::Port(_) => "a number from 1 to 65535".to_owned(),
            Self::Path(_) | Self::OptionalPath(_) => "an absolute path, in quotes".to_owned(),
            Self::Name(_) => "a name, in quotes".to_owned(),
            Self::Words(_) => "a list of names and addresses, such as [\"192.0.2.1\"]".to_owned(),
            Self::Addresses(_) => "a list of IP addresses, such as [\"192.0.2.1\"]".to_owned(),
        }
    }

    /// The value as a file has it, or `-` for none, and where it comes from.
    fn show(&self) -> (String, &Source) {
        fn quoted(text: impl fmt::Display) -> String {
            format!("\"{text}\"")
        }
        fn list<T>(all: &[T], show: impl Fn(&T) -> String) -> String {
            format!("[{}]", all.iter().map(show).collect::<Vec<_>>().join(", "))
        }
        let none = || "-".to_owned();
        match self {
            Self::Flag(flag) => (flag.value.to_string(), &flag.from),
            Self::Number(number, ..) => (number.value.to_string(), &number.from),
            Self::Port(port) => {
                let shown = port.value.map_or_else(none, |port| port.to_string());
                (shown, &port.from)
            }
            Self::Path(path) => (quoted(path.value.display()), &path.from),
            Self::OptionalPath(path) => {
                let shown = path.value.as_ref().map(|path| quoted(path.display()));
                (shown.unwrap_or_else(none), &path.from)
            }
            Self::Name(name) => {
                let shown = name.value.as_ref().map_or_else(none, quoted);
                (shown, &name.from)
            }
            Self::Words(words) => {
                let shown = list(&words.value, |word| quoted(word.display()));
                (shown, &words.from)
            }
            Self::Addresses(addresses) => {
                let shown = list(&addresses.value, |address| quoted(address));
                (shown, &addresses.from)
            }
        }
    }
}

impl BadSetting {
    fn new(from: Source, reason: String) -> Self {
        Self { from, reason }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, 0) => write!(f, "{}", path.display()),
            Self::File(path, line) => write!(f, "{} line {line}", path.display()),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str) -> Result<Settings, String> {
        let mut settings = Settings::default();
        let applied = settings.apply(text, |line| Source::File("/x".into(), line));
        applied.map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn each_setting_remembers_where_it_comes_from() {
        let settings = from_file(
            "# x\nwarm-start = true\nbind = [\"192.0.2.1\",\n \"fe80::1%eth0\"]\nport = 0x457\nuser = 'x'\n\
             socket = \"/run/x\"\n",
        );
        let settings = settings.unwrap();
        let line = |line| Source::File("/x".into(), line);
        assert_eq!(
            (settings.warm_start.value, settings.warm_start.from),
            (true, line(2))
        );
        let addresses = ["192.0.2.1", "fe80::1%eth0"].map(|text| text.parse().unwrap());
        assert_eq!(
            (&settings.bind.value[..], settings.bind.from),
            (&addresses[..], line(3))
        );
        assert_eq!(
            (settings.port.value, settings.port.from),
            (Some(1111), line(5))
        );
        assert_eq!(settings.user.value.as_deref(), Some("x"));
        assert_eq!(
            (settings.socket.value, settings.lock.from),
            ("/run/x".into(), Source::Default)
        );
    }

    #[test]
    fn what_makes_no_sense_is_an_error_with_its_line() {
        for (text, expected) in [
            ("\nport = 0", "/x line 2: port is a number from 1 to 65535"),
            (
                "port = 65536",
                "/x line 1: port is a number from 1 to 65535",
            ),
            (
                "port = \"111\"",
                "/x line 1: port is a number from 1 to 65535",
            ),
            ("insecure = 1", "/x line 1: insecure is true or false"),
            (
                "lock = \"x\"",
                "/x line 1: lock is an absolute path, in quotes",
            ),
            (
                "idle-seconds = -1",
                "/x line 1: idle-seconds is a number from 1 to 86400",
            ),
            (
                "bind = [\"localhost\"]",
                "/x line 1: bind is a list of IP addresses, such as [\"192.0.2.1\"]",
            ),
        ] {
            assert_eq!(from_file(text).unwrap_err(), expected, "{text}");
        }
        let unknown = from_file("\n\nbogus = 1\n").unwrap_err();
        assert!(
            unknown.starts_with(
                "/x line 3: there is no setting bogus; there are warm-start, insecure,"
            ),
            "{unknown}"
        );
        for (text, meant) in [
            ("warm_start = true", "warm-start"),
            ("Insecure = true", "insecure"),
            ("idle-second = 1", "idle-seconds"),
            ("binds = []", "bind"),
            ("inscure = true", "insecure"),
            ("lick = '/x'", "lock"),
        ] {
            let (name, _) = text.split_once(' ').unwrap();
            let expected = format!("/x line 1: there is no setting {name}; did you mean {meant}?");
            assert_eq!(from_file(text).unwrap_err(), expected);
        }
        let no_toml = from_file("\nwarm-start = yes\n").unwrap_err();
        assert!(
            no_toml.starts_with("/x line 2: ")
                && no_toml.ends_with("; warm-start is true or false"),
            "{no_toml}"
        );
        let by_option = Settings::read(&Options {
            config: Some("/dev/null".into()),
            set: vec!["port = 1".to_owned(), "port = x".to_owned()],
            ..Options::default()
        });
        let by_option = by_option.unwrap_err().to_string();
        assert!(
            by_option.starts_with("command line: --set 'port = x': "),
            "{by_option}"
        );
        let syntax = from_file("port = 1\nport = 2\n").unwrap_err();
        assert!(syntax.starts_with("/x line 2: duplicate key"), "{syntax}");
        assert!(from_file("[limits]\n").is_err(), "no tables");
    }

    #[test]
    fn no_number_is_set_that_is_out_of_its_bounds_whoever_sets_it() {
        // Each bound, what is next to it, and what no number of this machine holds.
        for (at, (name, field)) in Settings::default().fields().into_iter().enumerate() {
            let (low, high) = match field {
                Field::Number(_, low, high) => (low as i128, high as i128),
                Field::Port(_) => (1, 65_535),
                _ => continue,
            };
            let near = [low, high, 0, 1 << 16, 1 << 32, 1 << 63, 1 << 64];
            for value in near.into_iter().flat_map(|near| near - 1..=near + 1) {
                let is_bounded = (low..=high).contains(&value);
                let line = format!("{name} = {value}");
                let by_option = Settings::read(&Options {
                    config: Some("/dev/null".into()),
                    set: vec![line.clone()],
                    ..Options::default()
                });
                let by_option = by_option.map_err(|error| error.to_string());
                for settings in [from_file(&line), by_option] {
                    assert_eq!(settings.is_ok(), is_bounded, "{line}");
                    if let Ok(settings) = settings {
                        let (_, shown, _) = &settings.list()[at];
                        assert_eq!(*shown, value.to_string(), "{line}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_command_line_wins() {
        let name = format!("oncrpc-settings-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(
            &path,
            "port = 1\ninsecure = true\nidle-seconds = 5\nuser = \"x\"\n",
        )
        .unwrap();
        let options = Options {
            config: Some(path.clone()),
            port: Some(2),
            set: vec!["idle-seconds = 6".to_owned()],
            as_daemon: true,
            ..Options::default()
        };
        let settings = Settings::read(&options).unwrap();
        assert_eq!(settings.port.value, Some(2));
        assert_eq!(settings.idle_seconds.value, 6);
        assert_eq!(settings.user.value.as_deref(), Some("daemon"));
        assert_eq!(settings.insecure.from, Source::File(path.clone(), 2));
        let both = Options {
            hosts: vec!["::1".into()],
            set: vec!["bind = [\"::1\"]".to_owned()],
            ..options.clone()
        };
        let error = Settings::read(&both).unwrap_err().to_string();
        assert_eq!(
            error,
            "command line: udp-addresses (-h) and bind exclude each other"
        );
        std::fs::remove_file(&path).unwrap();
        let error = Settings::read(&options).unwrap_err().to_string();
        assert!(error.starts_with(&*path.to_string_lossy()), "{error}");
    }

    #[test]
    fn the_sample_file_shows_every_setting_as_it_is_by_default() {
        let sample = include_str!("../rpcbind.toml");
        let shown: Vec<_> = sample
            .lines()
            .filter_map(|line| line.strip_prefix("#")?.split_once(" = "))
            .filter(|(name, _)| !name.starts_with(' '))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let all: Vec<_> = Settings::default()
            .list()
            .into_iter()
            .map(|(name, value, _)| (name.to_owned(), value))
            .collect();
        let examples = [
            ("user", "\"_rpc\""),
            ("port", "111"),
            ("metrics", "\"/run/rpcbind/metrics.sock\""),
        ];
        for ((name, value), (shown, example)) in all.iter().zip(&shown) {
            assert_eq!(name, shown);
            match examples.iter().find(|(named, _)| named == name) {
                Some((_, expected)) => assert_eq!(expected, example),
                None => assert_eq!(value, example, "{name}"),
            }
        }
        assert_eq!(shown.len(), all.len());
        let uncommented = sample.lines().map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            _ => "",
        });
        from_file(&uncommented.collect::<Vec<_>>().join("\n")).unwrap();
    }
}
