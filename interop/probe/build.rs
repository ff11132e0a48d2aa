//! Makes probe.rs of probe.x.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["probe.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
