//! `relay UID PATH`: becomes that user, connects to a Unix socket and carries bytes between it and
//! standard input and output, so that a test can be any user to a server that asks the kernel who
//! called.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use nix::unistd::{Gid, Uid, setgid, setgroups, setuid};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(uid), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "usage: relay UID PATH",
        ));
    };
    let uid: u32 = uid.parse().map_err(io::Error::other)?;
    setgroups(&[])?;
    setgid(Gid::from_raw(uid))?;
    setuid(Uid::from_raw(uid))?;

    let mut to = UnixStream::connect(path)?;
    let mut from = to.try_clone()?;
    std::thread::spawn(move || {
        let _ = copy(&mut from, &mut io::stdout());
        std::process::exit(0);
    });
    // Whichever end is gone first, there is nobody left to carry for.
    let _ = copy(&mut io::stdin(), &mut to);
    Ok(())
}

/// `io::copy`, but what has come is passed on at once.
fn copy(from: &mut impl io::Read, to: &mut impl Write) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..length])?;
        to.flush()?;
    }
}
