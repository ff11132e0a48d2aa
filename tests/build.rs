//! Compiles the .x files: the example's, because what the tests measure is what a user gets, one with everything in it, and
//! what the codec is measured with.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["../server/examples/hello/hello.x", "every.x", "entries.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
