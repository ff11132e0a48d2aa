//! What a service manager is told: sd_notify(3).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The service manager that waits for news of us.
#[derive(Debug)]
pub struct ServiceManager {
    socket: UnixDatagram,
    address: SocketAddr,
    patience: Option<Duration>,
}

impl ServiceManager {
    /// Whoever `NOTIFY_SOCKET` names, if anybody, with the patience that `WATCHDOG_USEC` tells.
    pub fn from_environment() -> io::Result<Option<Self>> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(None);
        };
        let [patience, process] =
            ["WATCHDOG_USEC", "WATCHDOG_PID"].map(|name| std::env::var(name).ok());
        let patience = patience.and_then(|micros| {
            watchdog(&micros, process.as_deref(), &std::process::id().to_string())
        });
        Self::at(&name, patience).map(Some)
    }

    /// The service manager at a path, or at `@` and an abstract name.
    pub fn at(name: &OsStr, patience: Option<Duration>) -> io::Result<Self> {
        let address = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(name)?,
        };
        Ok(Self {
            socket: UnixDatagram::unbound()?,
            address,
            patience,
        })
    }

    /// How often it wants to hear [`alive`](Self::alive), if at all: twice in the time after which it kills us.
    pub fn interval(&self) -> Option<Duration> {
        self.patience.map(|patience| patience / 2)
    }

    /// We serve.
    pub fn ready(&self) {
        if let Err(error) = self.tell("READY=1") {
            log::warn!("cannot tell the service manager that we are ready: {error}");
        }
    }

    /// We are about to end.
    pub fn stopping(&self) {
        self.tell_or_not("STOPPING=1");
    }

    /// We are not stuck.
    pub fn alive(&self) {
        self.tell_or_not("WATCHDOG=1");
    }

    /// News that nobody waits for if the manager is gone.
    fn tell_or_not(&self, news: &str) {
        if let Err(error) = self.tell(news) {
            log::debug!("cannot tell the service manager {news}: {error}");
        }
    }

    fn tell(&self, news: &str) -> io::Result<()> {
        self.socket
            .send_to_addr(news.as_bytes(), &self.address)
            .map(|_| ())
    }
}

/// The time after which a service manager kills this process, unless it means another.
fn watchdog(micros: &str, process: Option<&str>, own: &str) -> Option<Duration> {
    let for_us = process.is_none_or(|process| process == own);
    let micros = micros.parse().ok().filter(|&micros| micros > 0 && for_us)?;
    Some(Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_arrives_at_an_abstract_name_and_at_a_path() {
        let name = format!("oncrpc-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let by_name = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&by_name).unwrap();
        let by_path = UnixDatagram::bind(&path).unwrap();
        for (name, socket) in [
            (OsStr::new(&format!("@{name}")), by_name),
            (path.as_os_str(), by_path),
        ] {
            let manager = ServiceManager::at(name, None).unwrap();
            manager.ready();
            manager.alive();
            manager.stopping();
            for expected in ["READY=1", "WATCHDOG=1", "STOPPING=1"] {
                let mut news = [0; 16];
                let len = socket.recv(&mut news).unwrap();
                assert_eq!(&news[..len], expected.as_bytes());
            }
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let second = Some(Duration::from_secs(1));
        for (micros, process, expected) in [
            ("1000000", None, second),
            ("1000000", Some("7"), second),
            ("1000000", Some("8"), None),
            ("0", None, None),
            ("x", None, None),
        ] {
            assert_eq!(
                watchdog(micros, process, "7"),
                expected,
                "{micros} {process:?}"
            );
        }
    }

    #[test]
    fn it_hears_of_us_twice_before_it_loses_patience() {
        let manager = ServiceManager::at(OsStr::new("@x"), Some(Duration::from_secs(30)));
        let interval = manager.unwrap().interval();
        assert_eq!(interval, Some(Duration::from_secs(15)));
    }
}
