//! No input makes rpcgen panic, and what it makes is Rust.

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::translate;
use proptest::prelude::*;

/// Words that mean something.
const WORDS: [&str; 46] = [
    "const",
    "typedef",
    "struct",
    "union",
    "enum",
    "program",
    "version",
    "switch",
    "case",
    "default",
    "void",
    "int",
    "unsigned",
    "hyper",
    "float",
    "double",
    "quadruple",
    "bool",
    "string",
    "opaque",
    "char",
    "short",
    "long",
    "a",
    "b",
    "c",
    "D",
    "E",
    "TRUE",
    "1",
    "0x7fffffff",
    "-3",
    "4294967296",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ";",
    ":",
    ",",
    "=",
    "*",
];

const REAL: [&str; 4] = [
    include_str!("golden/everything.x"),
    include_str!("../../rpc/proto/rpc_msg.x"),
    include_str!("../../rpc/proto/rpcb.x"),
    include_str!("../../server/examples/hello/hello.x"),
];

/// The Rust of a text, if it has no errors.
fn rust_of(text: &str) -> Result<Option<String>, String> {
    let translation = translate("in.x", text)?;
    Ok(translation.files().map(|files| files[0].rust.clone()))
}

/// Translates, and says whether that gave Rust; a second time gives the same.
fn check(text: &str) -> bool {
    let once = rust_of(text);
    let again = rust_of(text);
    assert_eq!(once, again);
    once.is_ok_and(|rust| rust.is_some())
}

#[test]
fn real_files_are_taken() {
    assert!(REAL.iter().all(|text| check(text)));
}

#[test]
fn blanks_of_unicode_in_a_verbatim_line_are_no_indentation() {
    assert!(check(
        "struct a {\n%one \\\n two \\\n\u{a0}three\n int x;\n };\n"
    ));
}

#[test]
fn what_rust_refuses_in_comments_is_replaced() {
    let text = "/* one\rtwo \u{202e}three */\nstruct\ra { int x; };\n";
    let rust = rust_of(text).unwrap().unwrap();
    assert!(!rust.contains(['\r', '\u{202e}']), "{rust}");
}

#[test]
fn thousands_of_errors_are_all_shown() {
    let text: String = (0..3_000)
        .map(|n| format!("typedef missing{n} name{n};\n"))
        .collect();
    let translation = translate("in.x", &text).unwrap();
    assert_eq!(translation.errors(), 3_000);
    assert!(translation.render(Style::Plain).contains("in.x:3000:9"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text_is_refused_or_taken(text in ".*") {
        check(&text);
    }

    #[test]
    fn any_words_are_refused_or_taken(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..60)) {
        check(&words.join(" "));
    }

    #[test]
    fn a_real_file_with_a_part_cut_out_or_doubled_is_refused_or_taken(
        file in prop::sample::select(&REAL[..]),
        start in any::<prop::sample::Index>(),
        len in 0_usize..200,
        double in any::<bool>(),
    ) {
        let boundary = |mut at: usize| {
            while !file.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = boundary(start.index(file.len()));
        let end = boundary((start + len).min(file.len()));
        let middle = if double { file[start..end].repeat(2) } else { String::new() };
        check(&[&file[..start], &middle, &file[end..]].concat());
    }
}
