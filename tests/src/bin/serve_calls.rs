//! Serves calls from memory, for a profiler to count: `serve_calls null|alone|null-sys|add-sys|greet|wait BATCHES`.

use oncrpc_tests::{Load, serve};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [load, batches] = &args[..] else { usage() };
    let load = match &load[..] {
        "null" => Load::Null,
        "alone" => Load::Alone,
        "null-sys" => Load::NullSys,
        "add-sys" => Load::AddSys,
        "greet" => Load::Greet,
        "wait" => Load::Wait,
        _ => usage(),
    };
    serve(load, batches.parse().unwrap_or_else(|_| usage()));
}

fn usage() -> ! {
    eprintln!("usage: serve_calls null|alone|null-sys|add-sys|greet|wait BATCHES");
    std::process::exit(2);
}
