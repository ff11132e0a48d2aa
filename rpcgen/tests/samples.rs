//! The crates that `rpcgen -a` writes: they build without a warning, and client and server run.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is hard to make a sample of: types without a default or made of themselves, several programs, versions and
/// arguments, and names that Rust or the samples need for something else.
const NASTY: &str = "\
enum color { RED = 3, GREEN = 4 };
union either switch (color which) { case RED: int left; case GREEN: either *right; };
union nested switch (bool is) { case TRUE: either inner; default: string why<>; };
union rest switch (int which) { case 0: deep first; default: int others; };
struct deep { rest *below; rest beside<2>; };
struct holds { either one; color type; opaque hash[64]; either several[40]; short numbers[50]; };
struct node { int value; struct node *next; };
typedef node *chain;
typedef unsigned hyper cookie;
typedef opaque handle[40];
const MOST = 40;
typedef either table[MOST];
typedef nested result;
program CALLS {
	version CALLS_V1 {
		void NULLPROC(void) = 0;
		holds TYPE(int first, either second, string third<8>) = 1;
		void MATCH(holds, holds, holds) = 2;
		chain LIST(chain) = 3;
		table TABLE(table) = 4;
		cookie COOKIE(cookie) = 5;
		handle HANDLE(handle) = 6;
		string SAY(string) = 8;
		bool SELF(bool) = 9;
		double NEW(color) = 10;
		result NESTED(nested, rest, quadruple) = 11;
	} = 1;
	version CALLS_V3 {
		int OTHER(either) = 7;
	} = 3;
} = 0x20000001;
program server { version RV { int AT(holds self) = 1; } = 2; } = 0x20000002;
";

fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_owned()
}

/// What belongs to these tests alone.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("samples")
}

/// Held by a test whose programs are called `hello-…`: those of the crates of all tests are in one place.
fn hello() -> MutexGuard<'static, ()> {
    static HELLO: Mutex<()> = Mutex::new(());
    HELLO.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An empty folder of a test's own with these files in it.
fn folder_of(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = folder().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (file, text) in files {
        fs::write(folder.join(file), text).unwrap();
    }
    folder
}

/// The crate that `rpcgen -a` makes of `inputs` in a folder; it is built without a warning.
fn crate_of(folder: &Path, options: &[&str], inputs: &[&str]) -> PathBuf {
    let written = Command::new(env!("CARGO_BIN_EXE_rpcgen"))
        .current_dir(folder)
        .args(["-a", "-O", "crate", "--oncrpc-path"])
        .arg(repository())
        .args(options)
        .args(inputs)
        .output()
        .unwrap();
    let said = String::from_utf8(written.stderr).unwrap();
    assert!(written.status.success() && said.is_empty(), "{said}");
    let made = folder.join("crate");
    // The versions that the workspace has fetched.
    fs::copy(repository().join("Cargo.lock"), made.join("Cargo.lock")).unwrap();
    let built = cargo(&made, &["build", "--quiet", "--offline"]);
    let said = String::from_utf8(built.stderr).unwrap();
    assert!(built.status.success() && said.is_empty(), "{said}");
    made
}

fn cargo(made: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(made)
        .env("CARGO_TARGET_DIR", folder().join("target"))
        .output()
        .unwrap()
}

/// A program of a crate.
fn program(name: &str) -> Command {
    Command::new(folder().join("target/debug").join(name))
}

/// A server that runs until the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server that registers nowhere; gives it with the port of each transport, in the order of its listeners.
fn serve(name: &str) -> (Running, Vec<(String, String)>) {
    let mut server = program(name);
    server.arg("--no-register").stdout(Stdio::piped());
    let mut server = Running(server.spawn().unwrap());
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let places = lines.take(2).map(|line| {
        let line = line.unwrap();
        let (netid, address) = line.split_once(' ').unwrap();
        let (_, port) = address.rsplit_once(':').unwrap();
        (netid.to_owned(), port.to_owned())
    });
    let places = places.collect();
    (server, places)
}

/// What a client says of each procedure.
fn call(name: &str, netid: &str, port: &str) -> Vec<String> {
    let called = program(name)
        .args(["127.0.0.1", netid, port])
        .output()
        .unwrap();
    let said = String::from_utf8(called.stderr).unwrap();
    assert!(called.status.success() && said.is_empty(), "{said}");
    let answers = String::from_utf8(called.stdout).unwrap();
    answers.lines().map(str::to_owned).collect()
}

/// The code in this language that the README shows, piece by piece.
fn shown<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let begun = readme.split(&fence[..]).skip(1);
    begun
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn what_the_readme_shows_builds_as_it_stands() {
    let _hello = hello();
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let hello_x = shown(&readme, "c")[0];
    let folder = folder_of("readme", &[("hello.x", hello_x)]);
    let made = crate_of(&folder, &[], &["hello.x"]);

    let rust = shown(&readme, "rust");
    let [build, server, client, thread] = rust[..] else {
        panic!("{rust:?}");
    };
    fs::write(made.join("build.rs"), build).unwrap();
    fs::remove_dir_all(made.join("src")).unwrap();
    fs::create_dir_all(made.join("src/bin")).unwrap();
    let (hello, _) = server.split_once("\n\n").unwrap();
    for (name, hello, code) in [
        ("server", "", server),
        ("client", hello, client),
        ("thread", hello, thread),
    ] {
        // Items come first, then what a function does.
        let (items, statements) = code.split_at(code.find("\nlet ").unwrap());
        let program = format!(
            "{hello}\n{items}\n#[tokio::main]\nasync fn main() -> Result<(), Box<dyn std::error::Error>> {{\n\
             {statements}Ok(())\n}}\n"
        );
        fs::write(made.join(format!("src/bin/{name}.rs")), program).unwrap();
    }
    let built = cargo(&made, &["build", "--quiet", "--offline"]);
    let said = String::from_utf8(built.stderr).unwrap();
    assert!(built.status.success() && said.is_empty(), "{said}");
}

#[test]
fn hello_is_served_and_called_as_it_is_written() {
    let _hello = hello();
    let hello = repository().join("server/examples/hello/hello.x");
    let text = fs::read_to_string(hello).unwrap();
    let made = crate_of(
        &folder_of("hello", &[("hello.x", &text)]),
        &[],
        &["hello.x"],
    );
    let formatted = cargo(&made, &["fmt", "--check"]);
    let said = String::from_utf8(formatted.stdout).unwrap();
    assert!(formatted.status.success(), "{said}");

    // One procedure is filled in, as its user would.
    let service = made.join("src/bin/hello-server/service.rs");
    let text = fs::read_to_string(&service).unwrap();
    let unwritten = "        // Insert server code here, and answer Ok(answer).\n        \
                     Err(Reject::ProcUnavail)\n";
    let (before, after) = text.split_once("async fn wait").unwrap();
    let after = after.replacen(unwritten, "        Ok(42)\n", 1);
    fs::write(&service, format!("{before}async fn wait{after}")).unwrap();
    let built = cargo(&made, &["build", "--quiet", "--offline"]);
    assert!(built.status.success() && built.stderr.is_empty());

    // What is wrong is said in words.
    for (words, said) in [
        (
            &[][..],
            "hello-client: usage: hello-client HOST [NETID [PORT]]\n",
        ),
        (&["localhost", "tcp", "x"], "hello-client: x is no port\n"),
        (
            &["/run"],
            "hello-client: '/' has no place in the host name \"/run\"\n",
        ),
    ] {
        let refused = program("hello-client").args(words).output().unwrap();
        assert_eq!(String::from_utf8(refused.stderr).unwrap(), said);
        assert_eq!(refused.status.code(), Some(1));
    }

    let (_server, places) = serve("hello-server");
    let netids: Vec<_> = places.iter().map(|(netid, _)| netid.as_str()).collect();
    assert_eq!(netids, ["udp", "tcp"]);
    for (netid, port) in places {
        let unavailable = "the server does not have the procedure (PROC_UNAVAIL)";
        let expected = ["greet", "add", "echo", "area", "guests"];
        let expected = expected.map(|procedure| format!("{procedure}: {unavailable}"));
        let answers = call("hello-client", &netid, &port);
        assert_eq!(answers[0], "null: ()");
        assert_eq!(answers[1..6], expected);
        assert_eq!(answers[6], "wait: 42");
    }
}

#[test]
fn what_is_hard_is_served_and_called() {
    let folder = folder_of("nasty", &[("nasty.x", NASTY)]);
    crate_of(&folder, &["-s", "tcp", "-n", "udp"], &["nasty.x"]);
    let (_server, places) = serve("nasty-server");
    for (netid, port) in places {
        let answers = call("nasty-client", &netid, &port);
        // All values of the samples can be sent: it is the server that says no.
        let (done, refused): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|answer| !answer.ends_with("(PROC_UNAVAIL)"));
        assert_eq!(done, ["nullproc: ()", "null: ()", "null: ()"]);
        assert_eq!(refused.len(), 12);
    }
}

#[test]
fn a_server_of_inetds_serves_its_socket_until_nobody_calls() {
    let serving = [
        "-s", "tcp6", "-s", "local", "-n", "udp6", "-I", "-K", "1", "-L",
    ];
    let folder = folder_of("options", &[("nasty_c.x", NASTY)]);
    let options = ["--naming=c", "--lists=box", "-DUNUSED=\"1\"", "--sun", "-N"];
    crate_of(&folder, &[&serving[..], &options].concat(), &["nasty_c.x"]);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    let mut server = program("nasty-c-server");
    server.stdin(std::os::fd::OwnedFd::from(socket));
    let mut server = Running(server.spawn().unwrap());
    assert_eq!(call("nasty-c-client", "tcp", &port)[0], "nullproc: ()");
    assert!(server.0.wait().unwrap().success());
}

#[test]
fn several_files_are_modules_of_one_crate() {
    let limits = "#include \"sizes.h\"\ntypedef opaque handle<MOST>;\n";
    let store =
        "program STORE { version STORE_V1 { handle GET(handle) = 1; } = 1; } = 0x20000003;\n";
    let sizes = "#define MOST 32\n";
    let files = [
        ("std.x", limits),
        ("the-store.x", store),
        ("sizes.h", sizes),
    ];
    let made = crate_of(
        &folder_of("several", &files),
        &[],
        &["std.x", "the-store.x"],
    );
    let client = fs::read_to_string(made.join("src/bin/std-protocol-client.rs")).unwrap();
    assert!(
        client.contains("client.get(&std_protocol::std::Handle::default())"),
        "{client}"
    );
    assert_eq!(fs::read_to_string(made.join("sizes.h")).unwrap(), sizes);
}
