//! The programs that code values: some in C for each .x file, and one in Rust for all.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::thread;

use super::manners::Manner;
use super::protocols::{self, Protocol};

/// All .x files, and the programs made of them.
pub struct Programs {
    /// The files.
    pub protocols: Vec<Protocol>,
    /// For each file its programs in C: how rpcgen was called, and where they are.
    pub theirs: Vec<Vec<(&'static str, PathBuf)>>,
    /// The program in Rust, which knows each type by its [`case_number`].
    pub ours: PathBuf,
}

/// The number of a type of a file in one of the manners of Rust.
pub fn case_number(manner: Manner, file: usize, case: usize) -> usize {
    // More than there are files, and types in any of them.
    (manner as usize * 100 + file) * 1000 + case
}

impl Programs {
    /// Those of this run, which are made once.
    pub fn made() -> &'static Self {
        static MADE: LazyLock<Programs> = LazyLock::new(Programs::make);
        &MADE
    }

    fn make() -> Self {
        let protocols = protocols::all();
        let jobs: Vec<_> = (0..protocols.len())
            .flat_map(|file| FLAGS.map(|flags| (file, flags)))
            .filter(|(file, flags)| *flags != INLINED || protocols[*file].name != "bools")
            .collect();
        let made = thread::scope(|scope| {
            let ours = scope.spawn(|| ours(&protocols));
            let theirs = in_parallel(&jobs, |(file, flags)| theirs(&protocols[*file], flags));
            (theirs, ours.join().expect("our side can be built"))
        });
        let (made, ours) = made;
        let mut theirs = vec![Vec::new(); protocols.len()];
        for ((file, flags), program) in jobs.into_iter().zip(made) {
            theirs[file].push((flags, program));
        }
        Self {
            protocols,
            theirs,
            ours,
        }
    }
}

/// How rpcgen is called: without inlining, and as it inlines by default, from three words on.
const FLAGS: [&str; 2] = [NOT_INLINED, INLINED];
const NOT_INLINED: &str = "rpcgen -N -i 0";
/// Flags that write arrays of bool as C that does not compile: bools.x says more.
pub const INLINED: &str = "rpcgen -N";

/// `work` done on each of `items`, a few at a time.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let Some((index, item)) = next.lock().expect("nobody panics with it").next()
                    else {
                        break;
                    };
                    let result = work(item);
                    done.lock()
                        .expect("nobody panics with it")
                        .push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("nobody panics with it");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Makes the C that rpcgen writes of a file into a program.
fn theirs(protocol: &Protocol, flags: &str) -> PathBuf {
    let variant = if flags == INLINED { "inlined" } else { "plain" };
    let name = &protocol.name;
    let folder = empty_folder(&format!("{name}-{variant}"));
    rpcgen(protocol, flags, &folder, &[("-h", ".h"), ("-c", "_xdr.c")]);
    let mut cases = format!("#include \"{name}.h\"\n#define CASES");
    for case in &protocol.cases {
        let _ = match &case.c {
            Some(ty) => write!(cases, " {{ sizeof({ty}), (xdrproc_t) xdr_{ty} }},"),
            None => write!(cases, " {{ 0, NULL }},"),
        };
    }
    write(&folder.join("cases.h"), &(cases + "\n"));
    gcc(&folder, &["peer.c"], &[format!("{name}_xdr.c")])
}

/// Makes the program that prints what C's clients of stubs.x pass.
pub fn stubs(protocol: &Protocol) -> PathBuf {
    let folder = empty_folder("stubs-client");
    let parts = [("-h", ".h"), ("-c", "_xdr.c"), ("-l", "_clnt.c")];
    rpcgen(protocol, "rpcgen", &folder, &parts);
    let written = ["stubs_xdr.c", "stubs_clnt.c"].map(str::to_owned);
    gcc(&folder, &["stubs.c"], &written)
}

/// Runs Debian's rpcgen for each of these parts.
fn rpcgen(protocol: &Protocol, flags: &str, folder: &Path, parts: &[(&str, &str)]) {
    for (file, text) in &protocol.for_c {
        write(&folder.join(file), text);
    }
    let name = &protocol.name;
    for (part, ending) in parts {
        let mut words = flags.split(' ');
        let mut rpcgen = Command::new(words.next().unwrap_or_default());
        rpcgen
            .args(words)
            .args([part, "-o"])
            .arg(format!("{name}{ending}"));
        run(rpcgen.arg(format!("{name}.x")).current_dir(folder));
    }
}

/// Compiles sources of this test and sources that rpcgen wrote into a program.
fn gcc(folder: &Path, own: &[&str], written: &[String]) -> PathBuf {
    let mut gcc = Command::new("gcc");
    // What rpcgen writes is not ours to mend.
    gcc.args(["-O1", "-w", "-I.", "-I/usr/include/tirpc", "-o", "program"]);
    gcc.args(FOR_RPCB_PROT);
    gcc.args(own.iter().map(|name| source(name)))
        .args(written)
        .arg("-ltirpc");
    run(gcc.current_dir(folder));
    folder.join("program")
}

/// Makes the Rust of all files into a program.
fn ours(protocols: &[Protocol]) -> PathBuf {
    let folder = folder().join("rust");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize();
    let root = root.expect("the workspace is there");
    fs::create_dir_all(folder.join("src")).expect("cargo's folder is writable");
    let mut modules = String::new();
    let mut arms = String::new();
    for manner in Manner::ALL {
        let module = manner.module();
        let folder = folder.join("src").join(module);
        fs::create_dir_all(&folder).expect("cargo's folder is writable");
        let _ = writeln!(modules, "#[allow(dead_code)]\npub mod {module} {{");
        for (file, protocol) in protocols.iter().enumerate() {
            let name = &protocol.name;
            write(
                &folder.join(format!("{name}.rs")),
                &protocol.rust[manner as usize],
            );
            let _ = writeln!(modules, "    #[path = \"{name}.rs\"]\n    pub mod {name};");
            for (case, known) in protocol.cases.iter().enumerate() {
                let number = case_number(manner, file, case);
                let ty = known.rust(&format!("{module}::{name}"), manner);
                let _ = writeln!(arms, "        {number} => exchange::<{ty}>(bytes),");
            }
        }
        modules += "}\n";
    }
    let cases = format!(
        "{modules}\nfn exchange_case(case: u32, bytes: &Bytes) -> Answer {{\n    match case {{\n{arms}        \
         _ => panic!(\"there is no case {{case}}\"),\n    }}\n}}\n"
    );
    write(&folder.join("src/cases.rs"), &cases);
    let manifest = format!(
        "[package]\nname = \"peer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[profile.dev]\ndebug = false\n\
         [dependencies]\noncrpc = {{ path = {:?} }}\noncrpc-xdr = {{ path = {:?} }}\n",
        root.join("rpc"),
        root.join("xdr"),
    );
    write(&folder.join("Cargo.toml"), &manifest);
    // The versions that the workspace has fetched.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).expect("both are files");
    let main = fs::read_to_string(source("peer.rs")).expect("it is text");
    write(&folder.join("src/main.rs"), &main);
    let target = folder.join("target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline"]);
    cargo
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(cargo.current_dir(&folder));
    target.join("debug/peer")
}

/// Where the programs are made.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("xdr_values")
}

/// A folder of this name in it: rpcgen does not write over what is there.
fn empty_folder(name: &str) -> PathBuf {
    let folder = folder().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("cargo's folder is writable");
    folder
}

/// A source of this test.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("xdr_values")
        .join(name)
}

/// Writes a file, unless it is there and the same, so that cargo need not build again.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|written| written == text) {
        return;
    }
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Runs a command that must succeed.
fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{said}",
        output.status
    );
}

/// What the C of rpcb_prot.x needs: libtirpc's headers declare its types once more, unless told not to, and
/// libtirpc has no functions for three types that it names.
const FOR_RPCB_PROT: [&str; 4] = [
    "-D_RPC_RPCB_CLNT_H",
    "-Dxdr_rpcprog_t=xdr_u_int32_t",
    "-Dxdr_rpcvers_t=xdr_u_int32_t",
    "-Dxdr_rpcproc_t=xdr_u_int32_t",
];
