//! A running program that codes values.

use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use super::reading::Read;

/// A running program that codes values: `xdr_values/peer.c` or `peer.rs`.
pub struct Peer {
    program: PathBuf,
    child: Child,
    /// Until it is to end.
    input: Option<BufWriter<ChildStdin>>,
    output: BufReader<ChildStdout>,
}

/// What it says of bytes; an error is what does not hold of the value that they are.
pub type Said = Result<Read, String>;

impl Peer {
    /// Starts it.
    pub fn start(program: &Path) -> Self {
        let child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // libtirpc says there how much memory it has not got.
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let input = child.stdin.take().expect("it is piped");
        let output = child.stdout.take().expect("it is piped");
        Self {
            program: program.to_owned(),
            child,
            input: Some(BufWriter::with_capacity(1 << 16, input)),
            output: BufReader::with_capacity(1 << 16, output),
        }
    }

    /// What it makes of each of these as a value of the type with this number.
    pub fn ask(&mut self, case: usize, requests: &[Vec<u8>]) -> Vec<Said> {
        let input = self.input.as_mut().expect("it runs");
        let (output, program) = (&mut self.output, self.program.display());
        thread::scope(|scope| {
            // Both pipes may be full, so that one thread writes while another reads. If writing fails, the
            // program has ended, and an answer is missing.
            scope.spawn(|| {
                for bytes in requests {
                    let head = [case as u32, bytes.len() as u32].map(u32::to_ne_bytes);
                    let _ = input.write_all(head.as_flattened());
                    let _ = input.write_all(bytes);
                }
                let flush = [FLUSH, 0].map(u32::to_ne_bytes);
                let _ = input.write_all(flush.as_flattened());
                let _ = input.flush();
            });
            let answers = requests.iter().map(|bytes| {
                answer(output).unwrap_or_else(|error| {
                    panic!("{program} has no answer at case {case}, {bytes:02x?}: {error}")
                })
            });
            answers.collect()
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The end of its input is its own.
        drop(self.input.take());
        let ended = self.child.wait().expect("nobody else waits for it");
        if !thread::panicking() {
            assert!(ended.success(), "{}: {ended}", self.program.display());
        }
    }
}

fn answer(output: &mut impl io::Read) -> io::Result<Said> {
    let mut head = [[0; 4]; 3];
    output.read_exact(head.as_flattened_mut())?;
    let [verdict, taken, length] = head.map(u32::from_ne_bytes);
    let mut bytes = vec![0; length as usize];
    output.read_exact(&mut bytes)?;
    let taken = taken as usize;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(match verdict {
        0 => Ok(Read::Refused(text(&bytes))),
        1 => Ok(Read::Value { taken, bytes }),
        _ => Err(text(&bytes)),
    })
}

/// Instead of the number of a type: asks for the answers so far.
const FLUSH: u32 = u32::MAX;
