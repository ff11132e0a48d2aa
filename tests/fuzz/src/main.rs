//! All fuzz targets in one binary; `FUZZ_TARGET` names the one to run. `run.sh` builds and runs it.

#![no_main]

use std::sync::OnceLock;

use oncrpc_fuzz_targets::{TARGETS, Target};

/// The one that was named.
static TARGET: OnceLock<Target> = OnceLock::new();

/// Looked up once, before the first input.
fn choose() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("FUZZ_TARGET names one of these: {}", names.join(" "));
        std::process::exit(2);
    };
    TARGET.get_or_init(|| *target);
}

libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.run)(data);
    }
});
