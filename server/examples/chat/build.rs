//! Makes chat.rs of chat.x.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["chat.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
