//! Compiles the example's .x file: what the tests measure is what a user gets.

fn main() {
    oncrpc_rpcgen::Config::new()
        .compile(&["../server/examples/hello/hello.x"])
        .unwrap_or_else(|error| panic!("{error}"));
}
