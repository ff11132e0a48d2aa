//! What the rows of rpcbind need: registrations, and questions as files that rpcping reads.

use std::fs;
use std::path::Path;

use oncrpc_interop::Host;

/// rpcping's command line for 2,000 SETs of programs that are not there, over the Unix socket.
pub(crate) const SET: &str =
    "-k16 -n 2000 $(printf -- '-a %s ' /run/set/*) -T local /run/rpcbind.sock 100000 4 1";

/// The same as UNSETs.
pub(crate) const UNSET: &str =
    "-k16 -n 2000 $(printf -- '-a %s ' /run/set/*) -T local /run/rpcbind.sock 100000 4 2";

/// Programs that are asked for.
const ASKED: usize = 10;

/// rpcping's options for these files in turn.
pub(crate) const GETPORT: &str = "$(printf -- '-a %s ' /run/getport/*)";

/// The same.
pub(crate) const GETADDR: &str = "$(printf -- '-a %s ' /run/getaddr/*)";

/// The first program that is registered.
const FIRST: u32 = 400_000;

/// The first of [`SET`].
const SET_FIRST: u32 = 600_000;

/// Registers so many.
pub(crate) fn make(host: &Host, rpcping: &Path, count: u32) {
    if count == 0 {
        return;
    }
    write(host, "there", FIRST, count);
    let rpcping = rpcping.display();
    let line = format!(
        "{rpcping} --json -k16 -n {count} $(printf -- '-a %s ' /run/there/*) -T local /run/rpcbind.sock 100000 4 1"
    );
    host.run(&line).success();
    // SET answers FALSE where it has not registered.
    let listed = host
        .run("/usr/sbin/rpcinfo | grep -c ' 0.0.0.0.8.1 '")
        .stdout;
    assert_eq!(listed.trim(), count.to_string());
}

/// The questions: which port, and which address, programs have that are spread over those `count`, since rpcbind looks through its
/// list from one end; and what is SET.
pub(crate) fn write_questions(host: &Host, count: u32) {
    for folder in ["getport", "getaddr"] {
        fs::create_dir_all(host.path(&format!("/run/{folder}"))).expect("/run is writable");
    }
    for program in (FIRST..FIRST + count).step_by(count as usize / ASKED) {
        // program, version, IPPROTO_UDP, no port: RFC 1833 section 3.1.
        let mapping = [program, 1, 17, 0].into_iter();
        let mapping: Vec<u8> = mapping.flat_map(u32::to_be_bytes).collect();
        put(host, &format!("/run/getport/{program}"), &mapping);
        put(host, &format!("/run/getaddr/{program}"), &rpcb(program));
    }
    write(host, "set", SET_FIRST, 2_000);
}

/// Where the arguments of an echo of 1 MiB are, and its results.
pub(crate) const BLOB: &str = "/run/blob";

/// Where the results of a DUMP of 10,000 registrations are.
pub(crate) const DUMP: &str = "/run/dump";

/// Writes [`BLOB`] and [`DUMP`].
pub(crate) fn write_results(host: &Host) {
    let mut blob = (1u32 << 20).to_be_bytes().to_vec();
    blob.resize(4 + (1 << 20), 7);
    put(host, BLOB, &blob);
    let mut dump = Vec::new();
    for program in FIRST..FIRST + 10_000 {
        dump.extend_from_slice(&[0, 0, 0, 1]);
        dump.extend_from_slice(&rpcb(program));
    }
    dump.extend_from_slice(&[0, 0, 0, 0]);
    put(host, DUMP, &dump);
}

fn write(host: &Host, folder: &str, first: u32, count: u32) {
    fs::create_dir_all(host.path(&format!("/run/{folder}"))).expect("/run is writable");
    for program in first..first + count {
        put(host, &format!("/run/{folder}/{program}"), &rpcb(program));
    }
}

fn put(host: &Host, path: &str, bytes: &[u8]) {
    fs::write(host.path(path), bytes).expect("/run is writable");
}

/// A registration on UDP, as version 4 has it: RFC 1833 section 2.1.
fn rpcb(program: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [program, 1] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    for text in ["udp", "0.0.0.0.8.1", ""] {
        let length = text.len();
        bytes.extend_from_slice(&(length as u32).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}
