//! Compiles the .x files: the example's, because what the tests measure is what a user gets, and one with everything in it.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["../server/examples/hello/hello.x", "every.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
