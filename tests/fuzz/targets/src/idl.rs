//! .x files. What is stated stands with rpcgen, whose own tests call it with files that they change.

#[path = "../../../../rpcgen/tests/fuzz/targets.rs"]
mod targets;

/// Any text is refused with a reason or becomes Rust, and the same each time.
pub fn parse(data: &[u8]) {
    targets::parse(data);
}

/// What `--fmt` makes of a text becomes the same Rust, and stays as it is when it is tidied again.
pub fn roundtrip(data: &[u8]) {
    targets::print(data);
}
