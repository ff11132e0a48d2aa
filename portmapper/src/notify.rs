//! What a service manager is told: sd_notify(3).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::MissedTickBehavior;

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

    /// We serve, and from now on wait for nobody: news that the manager does not take in time is none.
    pub fn ready(&self) {
        let told = self.tell("READY=1");
        if let Err(error) = told.and_then(|()| self.socket.set_nonblocking(true)) {
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

/// Tells the service manager that we are not stuck, for ever. It is the loop that answers calls which says so.
pub async fn keep_alive(manager: Option<&ServiceManager>) {
    let Some((manager, interval)) = manager.and_then(|m| Some((m, m.interval()?))) else {
        return std::future::pending().await;
    };
    let mut interval = tokio::time::interval(interval);
    interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        interval.tick().await;
        manager.alive();
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
    use std::sync::Arc;

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

    #[tokio::test]
    async fn a_loop_that_is_blocked_is_not_called_alive() {
        let name = format!("oncrpc-watchdog-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = Arc::new(UnixDatagram::bind_addr(&address).unwrap());
        let patience = Duration::from_millis(2);
        let manager = ServiceManager::at(OsStr::new(&format!("@{name}")), Some(patience));
        let manager = manager.unwrap();
        manager.ready();
        assert_eq!(socket.recv(&mut [0; 16]).unwrap(), "READY=1".len());
        tokio::spawn(async move { keep_alive(Some(&manager)).await });
        let hears = || {
            let socket = socket.clone();
            tokio::task::spawn_blocking(move || {
                let mut news = [0; 16];
                let len = socket.recv(&mut news).unwrap();
                assert_eq!(&news[..len], b"WATCHDOG=1");
            })
        };
        for _ in 0..3 {
            hears().await.unwrap();
        }
        // Whoever listens here blocks the loop, and hears no more than what was said before, however patient he is.
        socket.set_nonblocking(true).unwrap();
        while socket.recv(&mut [0; 16]).is_ok() {}
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(31 * patience)).unwrap();
        let silence = socket.recv(&mut [0; 16]).unwrap_err();
        assert_eq!(silence.kind(), io::ErrorKind::WouldBlock);
        socket.set_read_timeout(None).unwrap();
        hears().await.unwrap();
    }

    #[test]
    fn a_manager_that_does_not_listen_is_not_waited_for() {
        let name = format!("oncrpc-deaf-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        let manager = ServiceManager::at(OsStr::new(&format!("@{name}")), None).unwrap();
        manager.ready();
        while manager.tell("WATCHDOG=1").is_ok() {}
        manager.alive();
        assert_eq!(socket.recv(&mut [0; 16]).unwrap(), "READY=1".len());
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
