//! The word to systemd that the daemon is ready: sd_notify(3).

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Sends `READY=1` to the socket that `NOTIFY_SOCKET` names: a path, or `@` and an abstract name.
pub fn ready(notify_socket: &OsStr) -> io::Result<()> {
    let address = match notify_socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(notify_socket)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(b"READY=1", &address).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_arrives_at_an_abstract_name_and_at_a_path() {
        let name = format!("oncrpc-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let by_name = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&by_name).unwrap();
        let by_path = UnixDatagram::bind(&path).unwrap();
        ready(OsStr::new(&format!("@{name}"))).unwrap();
        ready(path.as_os_str()).unwrap();
        for socket in [by_name, by_path] {
            let mut word = [0; 16];
            let len = socket.recv(&mut word).unwrap();
            assert_eq!(&word[..len], b"READY=1");
        }
        std::fs::remove_file(path).unwrap();
    }
}
