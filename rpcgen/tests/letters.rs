//! The options of Sun's rpcgen, ours, and what is said of both.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod ledger;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

const ADDER: &str = "\
/* Two numbers. */
struct pair { int left; int right; };
#ifdef RPC_HDR
const FOR_TYPES = 1;
#endif
#ifdef RPC_XDR
const FOR_CODEC = 1;
#endif
#ifdef RPC_CLNT
const FOR_CLIENT = 1;
#endif
#ifdef RPC_SVC
const FOR_SERVER = 1;
#endif
#ifdef RPC_TBL
const FOR_TABLE = 1;
#endif
program ADDER { version ADDER_V1 { int ADD(pair) = 1; } = 1; } = 0x20000001;
";

/// The letters of Sun's rpcgen.
const SUNS: &str = "-a -b -c -C -D -h -i -I -k -K -l -L -m -M -n -N -o -s -Sc -Ss -Sm -t -T -Y -5";

/// What is said of a manifest for which nobody has named a checkout.
const OF_THE_REGISTRY: &str = "rpcgen: Cargo.toml takes the packages of oncrpc from the registry; as long as they are in \
                               none, name a checkout by --oncrpc-path DIR\n";

/// A folder of the test's own, with `adder.x` in it, and the wrong `bad.x`.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("letters-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("adder.x"), ADDER).unwrap();
    fs::write(folder.join("bad.x"), "struct point { int 3; };\n").unwrap();
    folder
}

/// Status, standard output and standard error of a run with `input` as standard input.
fn run(folder: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rpcgen"));
    command.current_dir(folder).args(arguments);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Standard output of a run that goes well.
fn made(arguments: &[&str]) -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let (status, stdout, stderr) = run(&folder(&format!("made-{number}")), arguments, "");
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{arguments:?}");
    stdout
}

#[test]
fn each_letter_writes_its_part_and_no_other() {
    let folder = folder("parts");
    let parts = [
        ("-h", "pub struct Pair {", "FOR_TYPES"),
        ("-c", "structure!(", "FOR_CODEC"),
        ("-l", "pub struct Client<C> {", "FOR_CLIENT"),
        ("-m", "pub trait Server:", "FOR_SERVER"),
        ("-t", "pub const PROCEDURES:", "FOR_TABLE"),
    ];
    for (letter, own, _) in parts {
        let (status, stdout, stderr) = run(&folder, &[letter, "adder.x"], "");
        assert_eq!((status, stderr.as_str()), (Some(0), ""), "{letter}");
        for (_, what, _) in parts {
            assert_eq!(stdout.contains(what), what == own, "{letter}: {what}");
        }
    }
    assert!(!folder.join("adder.rs").exists());
}

#[test]
fn each_output_reads_the_file_with_its_own_macro() {
    let constants = [
        "FOR_TYPES",
        "FOR_CODEC",
        "FOR_CLIENT",
        "FOR_SERVER",
        "FOR_TABLE",
    ];
    // A length that only one of the macros defines makes an error of all others, but for that of the types,
    // which every part needs.
    for (letter, own) in ["-h", "-c", "-l", "-m", "-t"].iter().zip(constants) {
        for constant in constants {
            let text = format!("{ADDER}struct odd {{ int numbers[{constant}]; }};\n");
            let (status, _, stderr) = run(&folder("macro"), &[letter], &text);
            let known = constant == own || constant == "FOR_TYPES";
            assert_eq!(status == Some(0), known, "{letter}: {stderr}");
        }
    }
    let text = format!("{ADDER}struct odd {{ int numbers[FOR_TYPES]; }};\n");
    for option in ["--check", "--format=short", "-Sm"] {
        let (status, _, stderr) = run(&folder("macro"), &[option, "-"], &text);
        assert_eq!(status, Some(0), "{option}: {stderr}");
    }
    // One that the user defines takes its place.
    let (status, _, stderr) = run(&folder("macro"), &["-DRPC_XDR", "-"], &text);
    assert_eq!(status, Some(1), "{stderr}");
}

#[test]
fn without_an_input_one_part_is_made_of_standard_input() {
    let folder = folder("stdin");
    let (status, stdout, stderr) = run(&folder, &["-h"], ADDER);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("pub struct Pair {"));
    let (status, _, stderr) = run(&folder, &["-h", "-o", "types.rs"], ADDER);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert_eq!(fs::read_to_string(folder.join("types.rs")).unwrap(), stdout);
}

#[test]
fn samples_name_what_they_are_made_for() {
    let service = made(&["-Ss", "adder.x"]);
    assert!(service.contains("impl adder::adder::v1::Server for Adder {"));
    assert!(service.contains(
        "    /// `int ADD(pair) = 1;`\n    \
         async fn add(&self, _cx: &CallContext, _arg: adder::Pair) -> Result<i32, Reject> {"
    ));
    let client = made(&["-Sc", "adder.x"]);
    assert!(client.contains("client.add(&adder::Pair::default()).await"));
    let text = "program P { version V { address FIND(address) = 1; } = 1; } = 0x20000001;\n";
    for (path, whole) in [
        ("Address", "p::Address"),
        ("self::Address", "p::Address"),
        ("crate::net::Address", "p::net::Address"),
        ("other::Address", "other::Address"),
    ] {
        let folder = folder("outside");
        fs::write(folder.join("p.x"), text).unwrap();
        let outside = format!("address={path}");
        let (_, service, stderr) = run(&folder, &["-Ss", "--extern-type", &outside, "p.x"], "");
        let answer = format!(") -> Result<{whole}, Reject> {{\n");
        assert!(service.contains(&answer), "{service}{stderr}");
    }
}

#[test]
fn a_manifest_names_the_registry_and_says_so_or_a_checkout_that_is_there() {
    let folder = folder("manifest");
    let (status, manifest, stderr) = run(&folder, &["-Sm", "adder.x"], "");
    assert_eq!((status, stderr.as_str()), (Some(0), OF_THE_REGISTRY));
    assert!(manifest.contains("name = \"adder\"\n"));
    assert!(manifest.contains("oncrpc-xdr = \"0."));
    // Whatever way leads there.
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let winding = repository.join("rpcgen/..");
    let manifest = made(&["-Sm", "--oncrpc-path", winding.to_str().unwrap(), "adder.x"]);
    let expected = format!("oncrpc-xdr = {{ path = {:?} }}\n", repository.join("xdr"));
    assert!(manifest.contains(&expected), "{manifest}");
    for letter in ["-Sm", "-a"] {
        let (status, _, stderr) = run(&folder, &[letter, "--oncrpc-path", "none", "adder.x"], "");
        let expected = "--oncrpc-path none: there is no checkout of oncrpc\n";
        assert_eq!((status, stderr.as_str()), (Some(1), expected));
        assert!(!folder.join("adder").exists());
    }
}

#[test]
fn a_server_listens_where_it_is_told_and_ends_when_it_is_told() {
    let main = made(&["-s", "tcp", "-stcp6", "-n", "unix", "adder.x"]);
    for listens in [
        "Listen::Tcp((Ipv4Addr::UNSPECIFIED, 0).into())",
        "Listen::Tcp((Ipv6Addr::UNSPECIFIED, 0).into())",
        "Listen::Unix(socket_path())",
        "server.register(Policy::Require, RpcbindAt::ThisHost)",
        "env_logger::init();",
    ] {
        assert!(main.contains(listens), "{listens}");
    }
    assert!(!main.contains("Listen::Udp") && !main.contains("IDLE") && !main.contains("inherited"));
    let inetd = made(&["-s", "udp", "-I", "adder.x"]);
    assert!(inetd.contains("Listen::inherited(socket)?") && inetd.contains("ToSyslog::start()?;"));
    assert!(inetd.contains("const IDLE: Duration = Duration::from_secs(120);"));
    let stays = made(&["-s", "udp", "-I", "-K", "-1", "adder.x"]);
    assert!(!stays.contains("IDLE"));
    let leaves = made(&["-s", "udp", "-K0", "-L", "adder.x"]);
    assert!(leaves.contains("const IDLE: Duration = Duration::from_secs(1);"));
    assert!(leaves.contains("ToSyslog::start()?;") && !leaves.contains("inherited"));
}

#[test]
fn a_sample_of_ones_own_is_not_overwritten() {
    let folder = folder("own");
    let again = ["-Ss", "-o", "service.rs", "adder.x"];
    assert_eq!(run(&folder, &again, "").0, Some(0));
    let (status, _, stderr) = run(&folder, &again, "");
    assert_eq!(status, Some(1));
    assert_eq!(
        stderr,
        "service.rs: is there, and not rpcgen's own; --force overwrites it\n"
    );
}

#[test]
fn a_crate_takes_along_what_its_files_include_and_overwrites_nothing() {
    let folder = folder("crate");
    fs::create_dir_all(folder.join("below")).unwrap();
    fs::create_dir_all(folder.join("elsewhere")).unwrap();
    fs::write(folder.join("below/most.h"), "#define MOST 5\n").unwrap();
    fs::write(folder.join("elsewhere/least.h"), "const LEAST = 2;\n").unwrap();
    let includes = "#include \"below/most.h\"\n#include \"below/most.h\"\n#include <least.h>\n";
    let text = format!("{includes}typedef opaque some<MOST>;\n{ADDER}");
    fs::write(folder.join("adder.x"), text).unwrap();
    let elsewhere = folder.join("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    let arguments = ["-a", "--include", elsewhere, "adder.x"];
    let done = run(&folder, &arguments, "");
    assert_eq!(done, (Some(0), String::new(), OF_THE_REGISTRY.to_owned()));
    let made = folder.join("adder");
    let same =
        |name: &str| fs::read(made.join(name)).unwrap() == fs::read(folder.join(name)).unwrap();
    assert!(same("adder.x") && same("below/most.h"));
    let script = fs::read_to_string(made.join("build.rs")).unwrap();
    assert!(
        script.contains(&format!(".include({elsewhere:?})")),
        "{script}"
    );
    fs::write(made.join("build.rs"), "fn main() {}\n").unwrap();
    let (status, _, stderr) = run(&folder, &arguments, "");
    assert_eq!(status, Some(1));
    assert_eq!(stderr.lines().count(), 8, "each file is named: {stderr}");
    let script = fs::read_to_string(made.join("build.rs")).unwrap();
    assert_eq!(script, "fn main() {}\n");
}

#[test]
fn a_crate_in_the_folder_of_its_files_leaves_them_as_they_are() {
    let folder = folder("here");
    let (status, _, stderr) = run(&folder, &["-a", "-O", ".", "adder.x"], "");
    assert_eq!((status, stderr.as_str()), (Some(0), OF_THE_REGISTRY));
    assert_eq!(fs::read_to_string(folder.join("adder.x")).unwrap(), ADDER);
    assert!(folder.join("src/lib.rs").exists());
}

#[test]
fn letters_that_are_always_granted_change_nothing() {
    let plain = made(&["-h", "adder.x"]);
    for letters in [
        &["-C"][..],
        &["-N"],
        &["-M"],
        &["-T"],
        &["-b"],
        &["-5"],
        &["-i", "0"],
        &["-CNMT", "-C", "-N", "-b5", "-i3"],
    ] {
        let arguments: Vec<_> = letters.iter().copied().chain(["-h", "adder.x"]).collect();
        assert_eq!(made(&arguments), plain, "{letters:?}");
    }
}

#[test]
fn new_style_takes_several_arguments_where_sun_is_strict() {
    let text = "program P { version V { int F(int, int) = 1; } = 1; } = 0x20000001;\n";
    let status = |arguments: &[&str]| run(&folder("new-style"), arguments, text).0;
    assert_eq!(status(&["-"]), Some(0));
    assert_eq!(status(&["--sun", "-"]), Some(1));
    assert_eq!(status(&["--sun", "-N", "-"]), Some(0));
}

#[test]
fn tidying_prints_the_input_and_touches_nothing() {
    let folder = folder("tidy");
    let untidy = "struct   pair{int left;\nint right;};";
    fs::write(folder.join("untidy.x"), untidy).unwrap();
    let tidied = "struct pair {\n\tint left;\n\tint right;\n};\n";
    for (arguments, input) in [(&["--fmt", "untidy.x"][..], ""), (&["--fmt"], untidy)] {
        let done = run(&folder, arguments, input);
        assert_eq!(done, (Some(0), tidied.to_owned(), String::new()));
    }
    assert_eq!(fs::read_to_string(folder.join("untidy.x")).unwrap(), untidy);
    let (status, stdout, stderr) = run(&folder, &["--fmt", "--format=short", "bad.x"], "");
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert_eq!(
        stderr,
        "bad.x:1:20: error: expected the name of a field, found `3`\nrpcgen: nothing is written\n"
    );
}

#[test]
fn what_makes_no_sense_is_said_with_what_would() {
    let hint = "`rpcgen -?` shows a screen of options, `rpcgen --help` all of them.\n";
    let usage = "Usage: rpcgen [OPTION]... INPUT.x...\n\n";
    let folder = folder("mistakes");
    // What clap says stands in its own words, then come the usage and the hint.
    for (arguments, complaint) in [
        (&[][..], "no input"),
        (
            &["-o", "a.rs", "adder.x", "bad.x"],
            "-o takes one input, found 2",
        ),
        (
            &["-c", "adder.x", "bad.x"],
            "a part takes one input, found 2",
        ),
        (
            &["-k", "adder.x"],
            "-k asks for C as it was before 1989; what rpcgen writes here is Rust",
        ),
        (
            &["-h", "-c", "adder.x"],
            "the argument '-h' cannot be used with '-c'",
        ),
        (
            &["-h", "-h", "adder.x"],
            "the argument '-h' cannot be used multiple times",
        ),
        (
            &["-I", "adder.x"],
            "-I, -K and -L shape a server's main function: say -s TRANSPORT or -a, too",
        ),
        (
            &["-Ss", "-s", "tcp", "adder.x"],
            "-s, -n, -I, -K and -L shape a server's main function, which -S does not write",
        ),
        (&["-", "adder.x"], "`-` stands for standard input, alone"),
        (
            &["-a", "-"],
            "-a needs a file: the crate is called as the file is",
        ),
        (
            &["-a", "-o", "x", "adder.x"],
            "-a writes a folder: -O DIR instead of -o",
        ),
        (
            &["-h", "-O", "x", "adder.x"],
            "-O is for whole files and for -a; -o for all else",
        ),
        (
            &["--check", "-o", "x", "adder.x"],
            "--check writes nothing: no -o",
        ),
        (
            &["-O", "x", "-"],
            "-O needs files: what standard input becomes has no name",
        ),
        (
            &["--derive", "Eq", "adder.x"],
            "`Eq` is derived wherever it holds",
        ),
    ] {
        let (status, stdout, stderr) = run(&folder, arguments, "");
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert_eq!(stderr, format!("error: {complaint}\n\n{usage}{hint}"));
    }
    for (arguments, complaint) in [
        (&["-q"][..], "unexpected argument '-q' found\n"),
        (
            &["--chek"],
            "unexpected argument '--chek' found\n\n  tip: a similar argument exists: '--check'\n",
        ),
        (
            &["-s", "sctp", "adder.x"],
            "invalid value 'sctp' for '-s <TRANSPORT>'\n  [possible values: tcp, udp, tcp6, udp6, local, unix]\n",
        ),
        (
            &["-Sx", "adder.x"],
            "invalid value 'x' for '-S <s|c|m>'\n  [possible values: s, c, m]\n",
        ),
        (
            &["-D"],
            "a value is required for '-D <NAME[=VALUE]>' but none was supplied\n",
        ),
        (
            &["-D", "=1"],
            "invalid value '=1' for '-D <NAME[=VALUE]>': no name before the `=`\n",
        ),
        (
            &["-D", "1x"],
            "invalid value '1x' for '-D <NAME[=VALUE]>': not a name: \"1x\"\n",
        ),
        (
            &["-K", "soon", "-s", "tcp"],
            "invalid value 'soon' for '-K <SECONDS>': a number of seconds, or -1 for never\n",
        ),
        (
            &["--naming", "java"],
            "invalid value 'java' for '--naming <rust|c>'\n  [possible values: rust, c]\n",
        ),
        (
            &["--bound", "a.b=much"],
            "invalid value 'a.b=much' for '--bound <TYPE.FIELD=N>': a bound is a number up to \
             4294967295, found \"much\"\n",
        ),
        (
            &["--extern-type", "netobj"],
            "invalid value 'netobj' for '--extern-type <NAME=PATH>': expected NAME=PATH, the type's \
             name and the path of the Rust type that it is\n",
        ),
    ] {
        let (status, stdout, stderr) = run(&folder, arguments, "");
        assert_eq!((status, stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let (start, end) = (format!("error: {complaint}"), hint);
        assert!(
            stderr.starts_with(&start) && stderr.ends_with(end),
            "{stderr}"
        );
    }
}

#[test]
fn samples_need_a_program() {
    for letters in [&["-Ss"][..], &["-Sc"], &["-s", "tcp"]] {
        let (status, _, stderr) = run(&folder("none"), letters, "const NONE = 0;\n");
        assert_eq!(status, Some(1));
        assert_eq!(
            stderr,
            "protocol.x: no program, so there is nothing to serve or to call\n"
        );
    }
}

#[test]
fn help_fits_a_screen_and_the_manual_says_the_same() {
    let (short, long) = (made(&["-?"]), made(&["--help"]));
    assert!(short.lines().count() <= 24 && long.lines().count() <= 50);
    for line in short.lines().chain(long.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let manual =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("rpcgen.1")).unwrap();
    let (helped, explained) = (options(&long), documented(&manual));
    assert_eq!(helped, explained);
    assert!(options(&short).is_subset(&helped));
    // All of them are options, and of Sun's none is missing.
    for option in helped
        .iter()
        .filter(|option| !matches!(option.as_str(), "-k" | "-?"))
    {
        let (_, _, stderr) = run(&folder("help"), &[option.as_str()], "");
        assert!(
            !stderr.contains("unexpected argument"),
            "{option}: {stderr}"
        );
    }
    for option in SUNS.split(' ').chain(["--help", "--version"]) {
        assert!(helped.contains(option), "{option}");
    }
    assert_eq!(
        made(&["--version"]),
        format!("rpcgen (oncrpc-rpcgen) {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_letter_of_suns_has_its_line_and_every_line_its_test() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("COMPATIBILITY.md")).unwrap();
    let (letters, _) = page.split_once("## The command").unwrap();
    for letter in SUNS.split(' ') {
        assert!(letters.contains(&format!("`{letter}`")), "{letter}");
    }
    let tests = ["tests", "../interop/tests/xdr_values"].map(|folder| sources(&here.join(folder)));
    let tests = tests.concat();
    for name in page.split('`').skip(1).step_by(2) {
        // A name that ends in `…` is the beginning of one.
        let (begins, ends) = match name.strip_suffix('…') {
            Some(begins) => (begins, ""),
            None => (name, "()"),
        };
        let is_function = name.split('_').count() > 4 && !name.contains(['.', ' ']);
        if let Some(hazard) = name.strip_prefix("hazards/") {
            let file = here.join("tests/hazards").join(format!("{hazard}.x"));
            assert!(file.exists(), "{name}");
        } else if is_function {
            assert!(tests.contains(&format!("fn {begins}{ends}")), "{name}");
        }
    }
}

/// The Rust of a folder.
fn sources(folder: &Path) -> String {
    let paths = fs::read_dir(folder).unwrap();
    let paths = paths.map(|entry| entry.unwrap().path());
    let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// The options that a text names.
fn options(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '?');
    let words = text.split(|c: char| !is_part(c) && c != '=');
    let named = words.map(|word| word.split('=').next().unwrap());
    named
        .filter(|word| {
            let name = word.trim_start_matches('-');
            let dashes = word.len() - name.len();
            let short = name.len() == 1 || matches!(name, "Ss" | "Sc" | "Sm");
            !name.is_empty() && (dashes == 2 || dashes == 1 && short) && *word != "-1"
        })
        .map(str::to_owned)
        .collect()
}

/// The options that a manual page in mdoc has an entry for; `-k` has a sentence.
fn documented(manual: &str) -> BTreeSet<String> {
    let entries = manual.lines().filter_map(|line| {
        let entry = line.strip_prefix(".It Fl ");
        entry.or_else(|| line.strip_prefix(".Fl k").map(|_| "k"))
    });
    let mut named = BTreeSet::new();
    for entry in entries {
        let entry = entry.replace("\\&", "");
        let words = entry
            .split(' ')
            .take_while(|word| !matches!(*word, "Ar" | "Ns"));
        named.extend(
            words
                .filter(|word| *word != ",")
                .map(|word| format!("-{word}")),
        );
    }
    named
}

#[test]
fn the_manual_is_clean() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("rpcgen.1");
    let groff = Command::new("groff")
        .args(["-ww", "-mandoc", "-Tutf8"])
        .arg(manual)
        .output();
    let Ok(output) = groff else {
        return ledger::not_run("the_manual_is_clean", "groff-base");
    };
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
