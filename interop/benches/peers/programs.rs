//! The programs that measure and are measured, made before anything is.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use oncrpc_interop::{Which, ours, ours_example};

/// Those of ours, and what is made when a row asks for it.
pub(crate) struct Programs {
    /// The load.
    pub(crate) rpcping: PathBuf,
    /// Our clients.
    pub(crate) call_rate: PathBuf,
    /// Our codec.
    pub(crate) codec: PathBuf,
    /// Our rpcgen.
    pub(crate) rpcgen: PathBuf,
    rust_peers: OnceCell<PathBuf>,
}

impl Programs {
    /// Makes ours.
    pub(crate) fn new() -> Self {
        // By all processors, before what is measured has but one.
        let _ = Which::Ours.rpcbind();
        let _ = ours("ONCRPC_HELLO_SERVER", "oncrpc-hello", "hello-server");
        Self {
            rpcping: ours("ONCRPC_RPCPING", "oncrpc-portmapper", "rpcping"),
            call_rate: ours("ONCRPC_CALL_RATE", "oncrpc-tests", "call_rate"),
            codec: ours_example("oncrpc-tests", "codec"),
            rpcgen: ours("ONCRPC_RPCGEN", "oncrpc-rpcgen", "rpcgen"),
            rust_peers: OnceCell::new(),
        }
    }

    /// tonic's server and client.
    pub(crate) fn tonic(&self) -> &Path {
        self.rust_peers()
    }

    /// The client of a few lines on tokio.
    pub(crate) fn tokio_client(&self) -> PathBuf {
        self.rust_peers().with_file_name("tokio-client")
    }

    /// The first of what `benches/rust` makes, beside which the others are.
    fn rust_peers(&self) -> &Path {
        self.rust_peers.get_or_init(|| {
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
            let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/rust/Cargo.toml");
            let made = Command::new(env!("CARGO"))
                .args([
                    "build",
                    "--quiet",
                    "--release",
                    "--locked",
                    "--manifest-path",
                    manifest,
                ])
                .arg("--target-dir")
                .arg(&target)
                .status();
            assert!(made.expect("cargo runs").success());
            target.join("release/tonic")
        })
    }
}

/// A program of `benches/c`, made if it is older than its source.
pub(crate) fn c_program(name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/c");
    let out_is = format!("OUT={}", out.display());
    let made = Command::new("make")
        .args(["--silent", "-C", sources, &out_is])
        .status();
    assert!(made.expect("make runs").success());
    out.join(name)
}
