//! Makes hello.rs of hello.x.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["hello.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
