//! What a server answers that is none of ours or theirs is told the same way.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::thread;

use oncrpc_interop::{Host, needs_root, words};

use super::same_of;

/// Starts what takes the place of rpcbind at TCP port 111 and at its socket: it answers every call with this,
/// whatever was asked.
fn answering(host: &Host, answer: &[u8]) {
    let tcp = host.in_network(|| TcpListener::bind("127.0.0.1:111"));
    let tcp = tcp.expect("nobody else is there");
    let unix = UnixListener::bind(host.path("/run/rpcbind.sock")).expect("/run is new");
    let [at_tcp, at_socket] = [answer.to_vec(), answer.to_vec()];
    // Whoever calls may leave when they like.
    thread::spawn(move || {
        for stream in tcp.incoming() {
            let _ = stream.and_then(|stream| answer_calls(stream, &at_tcp));
        }
    });
    thread::spawn(move || {
        for stream in unix.incoming() {
            let _ = stream.and_then(|stream| answer_calls(stream, &at_socket));
        }
    });
}

fn answer_calls(mut stream: impl Read + Write, answer: &[u8]) -> io::Result<()> {
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        let (mark, xid) = head.split_at(4);
        let rest = words_of(mark)[0] & 0x7fff_ffff;
        io::copy(
            &mut (&mut stream).take(u64::from(rest) - 4),
            &mut io::sink(),
        )?;
        let mark = 0x8000_0000 | (answer.len() as u32 + 4);
        stream.write_all(&[&mark.to_be_bytes(), xid, answer].concat())?;
    }
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    let (words, _) = bytes.as_chunks();
    words.iter().map(|word| u32::from_be_bytes(*word)).collect()
}

/// A string with its length and padding.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = words(&[text.len() as u32]);
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// SUCCESS, behind the xid.
fn success(results: &[Vec<u8>]) -> Vec<u8> {
    [words(&[1, 0, 0, 0, 0]), results.concat()].concat()
}

#[test]
fn refusals_are_the_same() {
    needs_root!();
    for refusal in [
        words(&[1, 0, 0, 0, 1]),
        words(&[1, 0, 0, 0, 2, 3, 5]),
        words(&[1, 0, 0, 0, 3]),
        words(&[1, 0, 0, 0, 4]),
        words(&[1, 0, 0, 0, 5]),
        words(&[1, 1, 0, 2, 2]),
        words(&[1, 1, 1, 1]),
        words(&[1, 1, 1, 2]),
        words(&[1, 1, 1, 5]),
        words(&[1, 1, 1, 7]),
        words(&[1, 1, 1, 14]),
    ] {
        let answer = |host: &Host| {
            answering(host, &refusal);
            Vec::new()
        };
        let said = same_of(
            None,
            answer,
            &[
                "rpcinfo -a 127.0.0.1.0.111 -T tcp 7 1",
                "rpcinfo -a 127.0.0.1.0.111 -T tcp 7",
                "rpcinfo -m 127.0.0.1",
                "rpcinfo -l 127.0.0.1 7 1",
            ],
        );
        assert!(said.contains("RPC: "), "{said}");
    }
}

#[test]
fn odd_lists_are_the_same() {
    needs_root!();
    let long = "a".repeat(60);
    let entry = |numbers: [u32; 2], texts: [&str; 3]| {
        let numbers = words(&[1, numbers[0], numbers[1]]);
        [numbers, texts.map(text).concat()].concat()
    };
    let list = success(&[
        entry([100_000, 2], ["tcp", "0.0.0.0.0.111", "superuser"]),
        entry([2_147_483_647, 2_147_483_647], ["a_long_netid", &long, ""]),
        entry([7, 0], ["", "", &long]),
        entry([7, 65_535], ["udp%s", "\\ \"'", "%n"]),
        entry([7, 1_000_000], ["cut\0off", "", ""]),
        words(&[0]),
    ]);
    let mappings = success(&[
        words(&[1, 100_000, 2, 6, 111]),
        words(&[1, 7, 4_294_967_295, 17, 65_536]),
        words(&[1, 4_294_967_295, 0, 132, 0]),
        words(&[0]),
    ]);
    let entries = success(&[
        words(&[1]),
        ["127.0.0.1.0.111", "tcp"].map(text).concat(),
        words(&[3]),
        ["inet", "tcp"].map(text).concat(),
        words(&[1]),
        [&long[..], ""].map(text).concat(),
        words(&[9]),
        [&long[..40], &long[..40]].map(text).concat(),
        words(&[0]),
    ]);
    let statistics = |at: u32| {
        let counts = [at, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12_345_678];
        let row = [words(&[1, 100_000, 2, 3, 1]), text("tcp6")].concat();
        let called = [words(&[1, 536_874_512, 1, 9, 2, 4, 1]), text("udp")].concat();
        let more = [
            words(&[1, 7, 8, 12_345_678, 12_345_678]),
            text("a_long_netid"),
        ]
        .concat();
        let rows = [row, more, words(&[0]), called, words(&[0])].concat();
        [words(&counts), words(&[1_000_000, 99]), rows].concat()
    };
    let nothing = &[
        "rpcinfo 127.0.0.1",
        "rpcinfo -m 127.0.0.1",
        "rpcinfo -l 127.0.0.1 7 1",
    ];
    for (answer, lines) in [
        (success(&[]), &nothing[..]),
        (list, &["rpcinfo 127.0.0.1", "rpcinfo -s 127.0.0.1"][..]),
        (
            success(&[words(&[0])]),
            &["rpcinfo 127.0.0.1", "rpcinfo -l 127.0.0.1 7 1"],
        ),
        (
            entries,
            &[
                "rpcinfo -l 127.0.0.1 100000 4",
                "rpcinfo -l 127.0.0.1 7 1234",
            ],
        ),
        (
            success(&[statistics(1), statistics(0), statistics(99_999_999)]),
            &["rpcinfo -m 127.0.0.1"],
        ),
        // Of a host Debian's asks more than one question, so this one is asked at the socket.
        (mappings, &["rpcinfo -p"]),
    ] {
        let answer = |host: &Host| {
            answering(host, &answer);
            Vec::new()
        };
        same_of(None, answer, lines);
    }
}
