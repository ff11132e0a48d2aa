//! Datagrams that came faster than they were read: the kernel drops and counts them, socket by socket.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use nix::sys::stat::fstat;
use oncrpc_server::Listen;

/// What the kernel says of these sockets.
#[derive(Debug)]
pub struct Drops {
    sockets: Vec<u64>,
    /// They stay open, since we may not be allowed to open them later; reading them from the start asks the
    /// kernel again.
    tables: Mutex<Vec<File>>,
}

/// Where the kernel lists its UDP sockets; the second is missing where there is no IPv6.
const TABLES: [&str; 2] = ["/proc/self/net/udp", "/proc/self/net/udp6"];

impl Drops {
    /// What it says of those that are for datagrams.
    pub fn of<'a>(sockets: impl IntoIterator<Item = &'a Listen>) -> Self {
        let number = |socket: &UdpSocket| fstat(socket.as_fd()).ok().map(|stat| stat.st_ino);
        let sockets = sockets.into_iter().flat_map(Listen::udp_sockets);
        let tables = TABLES.iter().filter_map(|path| File::open(path).ok());
        Self {
            sockets: sockets.filter_map(number).collect(),
            tables: Mutex::new(tables.collect()),
        }
    }

    /// How many were dropped since the sockets were made; `None` if the kernel does not say it of all of them.
    pub fn count(&self) -> Option<u64> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for table in tables.iter_mut() {
            append(&mut text, table).ok()?;
        }
        dropped(&text, &self.sockets)
    }
}

fn append(text: &mut String, table: &mut File) -> io::Result<()> {
    table.rewind()?;
    table.read_to_string(text)?;
    Ok(())
}

/// The sum of the last column over the lines of these sockets, by `inode`; `None` if one of them is missing.
fn dropped(tables: &str, sockets: &[u64]) -> Option<u64> {
    // sl, local, remote, st, queues, timer, retransmissions, uid, timeout, inode, references, pointer, drops:
    // `udp4_format_sock` of Linux' net/ipv4/udp.c.
    let lines = tables.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let inode: u64 = fields.nth(9)?.parse().ok()?;
        let drops: u64 = fields.nth(2)?.parse().ok()?;
        Some((inode, drops))
    });
    let (mut found, mut sum) = (0, 0);
    for (inode, drops) in lines {
        if sockets.contains(&inode) {
            found += 1;
            sum += drops;
        }
    }
    (found == sockets.len()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    const TABLE: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  356: 00000000:006F 00000000:0000 07 00000000:00000000 00:00000000 00000000   103        0 4711 2 0000000000000000 5
  357: 0100007F:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 9
  358: 00000000:006F 00000000:0000 07 00000000:00000000 00:00000000 00000000   103        0 4713 2 0000000000000000 2
";

    #[test]
    fn drops_of_our_sockets_are_added_up() {
        assert_eq!(dropped(TABLE, &[4711, 4713]), Some(7));
        assert_eq!(dropped(TABLE, &[]), Some(0));
        assert_eq!(dropped(TABLE, &[4711, 1]), None, "one is not there");
        assert_eq!(dropped("", &[4711]), None);
        assert_eq!(dropped("x\n1 2 3 4\n", &[1]), None);
    }

    #[test]
    fn the_kernel_counts_what_nobody_reads() {
        let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = ours.local_addr().unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sockets = [Listen::UdpSocket(ours)];
        let drops = Drops::of(&sockets);
        // Where others' sockets come and go the kernel may pass over ours, once.
        let told = || iter::repeat_with(|| drops.count()).flatten().next();
        assert_eq!(told(), Some(0));
        while told() == Some(0) {
            other.send_to(&[0; 1000], to).unwrap();
        }
        assert!(told() > Some(0));
    }
}
