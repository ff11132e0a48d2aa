//! Each target with the inputs that are committed: its corpus, and what once broke it.

use std::fs;
use std::path::{Path, PathBuf};

use oncrpc_fuzz_targets::TARGETS;

/// The inputs of a target.
fn inputs(folder: &str, target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let entries = fs::read_dir(root.join(folder).join(target))
        .into_iter()
        .flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.is_file()).collect()
}

fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("no target {name}"));
    (target.run)(&[]);
    let corpus = inputs("corpus", name);
    assert!(!corpus.is_empty(), "{name} has a corpus");
    for path in corpus.into_iter().chain(inputs("regressions", name)) {
        let input = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Shown if it fails.
        println!("{}", path.display());
        (target.run)(&input);
    }
}

macro_rules! replays {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                replay(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let replayed = [$(stringify!($name)),*];
            assert!(TARGETS.iter().all(|target| replayed.contains(&target.name)));
        }
    };
}

replays!(
    xdr_primitives xdr_typed record_deframer call_header reply_header auth_sys auth_other
    rpcgen_parse rpcgen_roundtrip portmap_ops server_conn client_demux state_files uaddr_taddr
    config_files rpcinfo_print
);
