#!/bin/sh
# Every check and every test, on a fresh Debian 12 machine with a Rust toolchain. As root it installs what it needs; as an
# ordinary user it says what is missing, and names at the end what was not run. Under CI=true nothing may be left out.
set -eu
cd "$(dirname "$0")/.."

not_run=${CARGO_TARGET_DIR:-target}/not-run
rm -f "$not_run"

step() { printf '\n== %s\n' "$*"; }

step "Debian's packages"
if ! sh interop/install.sh; then
    # Without root, what needs them is not run; it is named at the end.
    [ "$(id -u)" -ne 0 ] && [ "${CI:-}" != true ] || exit 1
fi

step "format and lints"
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- --deny warnings
cargo clippy --package oncrpc-xdr --all-features --all-targets --locked -- --deny warnings
cargo clippy --package oncrpc-client --no-default-features --locked -- --deny warnings
tower="--package oncrpc-client --package oncrpc-server --features oncrpc-client/tower,oncrpc-server/tower"
cargo clippy $tower --all-targets --locked -- --deny warnings
RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --locked --quiet

step "what may come into the tree"
cargo deny --version 2>/dev/null || cargo install cargo-deny@0.20.2 --locked --debug --quiet
cargo deny check bans licenses sources

step "packages"
cargo package --package oncrpc-xdr --package oncrpc --package oncrpc-transport --package oncrpc-client --package oncrpc-server \
    --package oncrpc-portmapper --package oncrpc-rpcgen --no-verify --locked --quiet
if command -v dpkg-shlibdeps >/dev/null; then
    sh portmapper/debian/build.sh "${CARGO_TARGET_DIR:-target}/debian/ours"
else
    echo "not run: portmapper/debian/build.sh (dpkg-dev is missing)" >>"$not_run"
fi

step "tests"
cargo build --workspace --bins --locked
# Of each property 10,000 cases, where 256 are proptest's own number.
PROPTEST_CASES=10000 cargo test --workspace --locked
cargo test --package oncrpc-xdr --features serde --test serde --locked
cargo test --package oncrpc-xdr --features simd --test codec --locked
cargo test $tower --test tower --locked
cargo test $tower --doc --locked

step "instructions per call"
if command -v valgrind >/dev/null || [ "${CI:-}" = true ]; then
    sh tests/counts.sh
else
    echo "not run: tests/counts.sh (valgrind is missing)" >>"$not_run"
fi

step "fuzzing, twenty seconds each"
cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
if command -v c++ >/dev/null; then
    sh tests/fuzz/run.sh 20
else
    echo "not run: fuzzing (a C++ compiler is missing)" >>"$not_run"
fi

if [ -s "$not_run" ]; then
    step "not run here, because something is missing or only root can"
    cat "$not_run"
fi
