//! Makes nfs3.rs of nfs3.x.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["nfs3.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
