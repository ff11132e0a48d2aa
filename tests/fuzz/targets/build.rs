//! Compiles the .x file with every construct of the language: its types are what is decoded.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["../../../rpcgen/tests/golden/everything.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
