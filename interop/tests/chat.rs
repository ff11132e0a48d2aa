//! The chat example as people start it: a room that registers with rpcbind, members that find it by broadcast.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::OnceLock;

use oncrpc_interop::{Daemon, Host, Ready, Which, needs_root, ours};

/// A member at its terminal.
struct Member {
    child: Child,
    typed: Option<ChildStdin>,
    printed: BufReader<ChildStdout>,
}

impl Member {
    fn start(host: &Host, arguments: &[&str]) -> Self {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        let program = OURS.get_or_init(|| ours("ONCRPC_CHAT", "oncrpc-chat", "chat"));
        // What hangs is ended, and then it is missed below.
        let mut command = host.command(0, "timeout");
        command.arg("60").arg(program).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("nsenter runs");
        let printed = child.stdout.take().expect("it is piped");
        Self {
            typed: child.stdin.take(),
            printed: BufReader::new(printed),
            child,
        }
    }

    #[track_caller]
    fn prints(&mut self, expected: &str) {
        let mut line = String::new();
        self.printed.read_line(&mut line).expect("it is text");
        assert_eq!(line.trim_end(), expected);
    }

    fn types(&mut self, line: &str) {
        let typed = self.typed.as_mut().expect("it is open");
        writeln!(typed, "{line}").expect("it reads");
    }

    /// Ends as by ctrl-D.
    fn leaves(mut self) {
        self.typed = None;
        let ended = self.child.wait().expect("nobody else waits for it");
        assert!(ended.success(), "{ended}");
    }
}

fn room(host: &Host) -> Daemon {
    static OURS: OnceLock<PathBuf> = OnceLock::new();
    let program = OURS.get_or_init(|| ours("ONCRPC_CHAT_SERVER", "oncrpc-chat", "chat-server"));
    let mut command = host.command(0, program);
    command.args(["--tcp", "0.0.0.0:7000"]);
    host.start(command, Ready::Line)
}

#[test]
fn members_find_the_room_hear_each_other_and_come_back_to_a_room_that_is_opened_again() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        let first = room(&host);
        let mut ada = Member::start(&host, &["--name", "ada"]);
        let mut found = String::new();
        ada.printed.read_line(&mut found).expect("it is text");
        // By which of its addresses the host was heard first is nobody's to say.
        let found = found.trim_end();
        assert!(
            found.starts_with("found a room at ") && found.ends_with(":7000"),
            "{found}"
        );
        ada.prints("here: ada");
        let mut grace = Member::start(&host, &["--name", "grace", "127.0.0.1"]);
        grace.prints("here: ada, grace");
        ada.types("hello");
        ada.prints("ada: hello");
        grace.prints("ada: hello");
        grace.types("good morning");
        ada.prints("grace: good morning");
        grace.prints("grace: good morning");
        grace.leaves();
        first.terminate();
        let _second = room(&host);
        ada.prints("here again: ada");
        ada.types("still here");
        ada.prints("ada: still here");
        ada.leaves();
    }
}
