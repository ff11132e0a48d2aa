//! No input makes rpcgen panic, take long or use much memory.
//!
//! Each input is given to the command in a process of its own, which may have 256 MiB of address space and a few
//! seconds of a processor. What is asked of an optimized build is less than a second; a build for debugging is slower,
//! and a machine may be, so that what fails here is far beyond.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// KiB of address space.
const MEMORY: u32 = 256 << 10;
/// Seconds of a processor.
const TIME: u32 = if cfg!(debug_assertions) { 30 } else { 4 };

/// Runs rpcgen on each text, and says which runs did not end as they should: with Rust, or with what is wrong.
#[track_caller]
fn bounded<T: AsRef<[u8]>>(inputs: impl IntoIterator<Item = (&'static str, T)>) {
    let mut unbounded = Vec::new();
    for (name, text) in inputs {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("limits");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name).with_extension("x");
        fs::write(&path, text).unwrap();
        let script = format!("ulimit -c 0; ulimit -v {MEMORY}; ulimit -t {TIME}; exec \"$@\"");
        let status = Command::new("sh")
            .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_rpcgen"), "-o", "-"])
            .arg(&path)
            .env("RUST_BACKTRACE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        if !matches!(status.code(), Some(0 | 1)) {
            unbounded.push(format!("{name}: {status}"));
        }
    }
    assert!(unbounded.is_empty(), "{unbounded:#?}");
}

/// `line` for each number, joined.
fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{}", line(n));
        text
    })
}

/// Deeper than any recursion could go, in an input that is not too large.
const DEEP: usize = 80_000;
/// More than anybody would write, in an input that is not too large.
const MANY: usize = 80_000;

#[test]
fn deep_nesting_is_bounded() {
    let around = |before: &str, open: &str, inside: &str, close: &str, after: &str| {
        [
            before,
            &open.repeat(DEEP),
            inside,
            &close.repeat(DEEP),
            after,
        ]
        .concat()
    };
    bounded([
        ("braces", around("struct s ", "{", "", "", "")),
        ("closed_braces", around("struct s ", "{", "", "}", ";")),
        ("structs", around("", "struct a { ", "", "", "")),
        ("parentheses", around("const A = ", "(", "1", ")", ";")),
        ("minuses", around("const A = ", "-", "1;", "", "")),
        ("sum", around("const A = 1", " + 1", ";", "", "")),
        (
            "brackets",
            around("struct s { int x", "[", "1", "]", "; };"),
        ),
        ("attributes", around("", "[", "", "", "")),
        ("namespaces", around("", "namespace a { ", "", "}", "")),
        ("path", around("struct s { ", "a::", "b x; };", "", "")),
        (
            "conditions",
            around("", "#if 1\n", "const A = 1;\n", "#endif\n", ""),
        ),
        ("open_conditions", around("", "#if 1\n", "", "", "")),
        ("condition", around("#if ", "(", "1", ")", "\n#endif\n")),
        (
            "condition_of_nots",
            around("#if ", "!", "1\n#endif\n", "", ""),
        ),
        (
            "condition_of_sums",
            around("#if 1", " + 1", "\n#endif\n", "", ""),
        ),
    ]);
}

#[test]
fn macros_of_macros_are_bounded() {
    let doubled = |join: &str| {
        let doubled = |n: usize| format!("#define A{} (A{n} {join} A{n})", n + 1);
        format!("#define A0 1\n{}", lines(64, doubled))
    };
    let chain = lines(DEEP, |n| format!("#define A{n} A{}", n + 1));
    bounded([
        ("bomb", doubled("") + "const X = A64;\n"),
        ("bomb_of_sums", doubled("+") + "const X = A64;\n"),
        ("bomb_in_condition", doubled("+") + "#if A64\n#endif\n"),
        ("chain_of_macros", format!("{chain}const X = A0;\n")),
        ("chain_in_condition", format!("{chain}#if A0\n#endif\n")),
        (
            "itself",
            "#define a a a\nconst x = a;\n#if a\n#endif\n".into(),
        ),
        (
            "each_other",
            "#define a b b\n#define b a a\nconst x = a;\n#if a\n#endif\n".into(),
        ),
        ("many_macros", lines(MANY, |n| format!("#define M{n} {n}"))),
        (
            "long_macro",
            format!(
                "#define A {}\n{}",
                "int x;".repeat(10_000),
                lines(1_000, |n| format!("struct s{n} {{ A }};"))
            ),
        ),
    ]);
}

#[test]
fn includes_are_bounded() {
    let include = |name: &str| format!("#include \"{name}.x\"\n");
    bounded([
        ("includes_itself", include("includes_itself").repeat(2)),
        ("ping", include("pong").repeat(2)),
        ("pong", include("ping").repeat(2)),
        ("a_device", "#include \"/dev/zero\"\n".into()),
        ("a_folder", "#include \"..\"\n".into()),
        ("often", include("once").repeat(MANY)),
        ("line_markers", lines(MANY, |n| format!("# {n} \"{n}.x\""))),
    ]);
}

#[test]
fn many_errors_are_bounded() {
    bounded([
        ("a_sign_often", "$".repeat(1_000_000)),
        ("a_sign_a_line", "$\n".repeat(1_000_000)),
        ("semicolons", ";".repeat(1_000_000)),
        ("semicolon_a_line", ";\n".repeat(1_000_000)),
        ("closed_never_opened", "}\n".repeat(1_000_000)),
        ("quotes", "\"".repeat(999_999)),
        ("quote_a_line", "\"\n".repeat(1_000_000)),
        ("apostrophes", "'".repeat(999_999)),
        ("comments_in_comments", "/*".repeat(1_000_000)),
        ("words", "a ".repeat(1_000_000)),
        (
            "missing_fields",
            format!("struct s {{\n{}}};", "int 3;\n".repeat(250_000)),
        ),
        (
            "missing_types",
            lines(MANY, |n| format!("typedef m{n} t{n};")),
        ),
        (
            "missing_type",
            lines(MANY, |n| format!("typedef missing t{n};")),
        ),
        ("one_constant", "const A = 1;\n".repeat(MANY)),
        (
            "one_label",
            format!(
                "union u switch (int d) {{\n{}}};",
                "case 1: int x;\n".repeat(MANY)
            ),
        ),
        (
            "one_field",
            format!("struct s {{\n{}}};", "int x;\n".repeat(MANY)),
        ),
        (
            "one_procedure",
            format!(
                "program P {{ version V {{\n{}}} = 1; }} = 1;",
                lines(MANY, |n| format!("int F(int) = {n};"))
            ),
        ),
        ("pragmas", "pragma public x;\n".repeat(MANY)),
        ("never_closed", "struct a {\nconst B = 1;\n".repeat(MANY)),
    ]);
}

#[test]
fn many_definitions_are_bounded() {
    bounded([
        (
            "structs_30000",
            lines(30_000, |n| {
                format!("struct s{n} {{ int a; string b<{n}>; }};")
            }),
        ),
        ("constants", lines(MANY, |n| format!("const C{n} = {n};"))),
        (
            "enumerators",
            format!("enum e {{\n{} LAST }};", lines(MANY, |n| format!("E{n},"))),
        ),
        (
            "enumerators_of_one_value",
            format!(
                "enum e {{\n{} LAST }};",
                lines(MANY, |n| format!("E{n} = 1,"))
            ),
        ),
        (
            "fields",
            format!("struct s {{\n{}}};", lines(MANY, |n| format!("int f{n};"))),
        ),
        (
            "inline_bodies",
            format!(
                "struct s {{\n{}}};",
                lines(20_000, |n| format!("struct {{ int x; }} f{n};"))
            ),
        ),
        (
            "labels",
            format!(
                "union u switch (int d) {{\n{}}};",
                lines(50_000, |n| format!("case {n}: int a{n};"))
            ),
        ),
        (
            "labels_of_an_enum",
            format!(
                "enum e {{\n{} LAST }};\nunion u switch (e d) {{\n{}}};",
                lines(20_000, |n| format!("E{n},")),
                lines(20_000, |n| format!("case E{n}: int a{n};"))
            ),
        ),
        (
            "labels_of_one_name",
            format!(
                "union u switch (int d) {{\n{}}};",
                lines(50_000, |n| format!("case {n}: int a;"))
            ),
        ),
        (
            "labels_of_one_arm",
            format!(
                "union u switch (int d) {{\n{}int x; }};",
                lines(50_000, |n| format!("case {n}:"))
            ),
        ),
        (
            "procedures",
            format!(
                "program P {{ version V {{\n{}}} = 1; }} = 1;",
                lines(50_000, |n| format!("int F{n}(int) = {n};"))
            ),
        ),
        (
            "versions",
            format!(
                "program P {{\n{}}} = 1;",
                lines(20_000, |n| format!(
                    "version V{n} {{ int F(int) = 1; }} = {n};"
                ))
            ),
        ),
        (
            "programs",
            lines(20_000, |n| {
                format!("program P{n} {{ version V {{ int F(int) = 1; }} = 1; }} = {n};")
            }),
        ),
        (
            "arguments",
            format!(
                "program P {{ version V {{ int F({}int) = 1; }} = 1; }} = 1;",
                "int, ".repeat(MANY)
            ),
        ),
        ("comments", lines(MANY, |n| format!("/* {n} */"))),
        (
            "documentation",
            format!(
                "/*\n{}*/\nstruct s {{ int x; }};\n",
                lines(MANY, |n| format!(" * {n}"))
            ),
        ),
        ("lines_for_c", lines(MANY, |n| format!("%#define M{n} {n}"))),
    ]);
}

#[test]
fn names_that_become_one_are_bounded() {
    let letters = |n: usize| -> String {
        let letter = |bit: usize| {
            let letter = char::from(b'a' + bit as u8);
            if n >> bit & 1 == 1 {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        };
        (0..16).map(letter).collect()
    };
    bounded([
        (
            "enumerators_alike",
            format!(
                "enum e {{\n{} LAST }};",
                lines(50_000, |n| letters(n) + ",")
            ),
        ),
        (
            "fields_alike",
            format!(
                "struct s {{\n{}}};",
                lines(20_000, |n| format!("int {};", letters(n)))
            ),
        ),
        (
            "structs_alike",
            lines(10_000, |n| format!("struct {} {{ int x; }};", letters(n))),
        ),
        (
            "constants_alike",
            lines(30_000, |n| format!("const {} = 1;", letters(n))),
        ),
    ]);
}

#[test]
fn long_words_and_lines_are_bounded() {
    let long = "a".repeat(1 << 20);
    let fields: String = (0..90_000).map(|n| format!("int f{n}; ")).collect();
    bounded([
        ("name", format!("struct {long} {{ int x; }};")),
        ("missing_name", format!("struct s {{ {long} x; }};")),
        (
            "underscores",
            format!("struct {} {{ int x; }};", "_".repeat(1 << 20)),
        ),
        ("digits", format!("const A = 1{};", "0".repeat(1 << 20))),
        ("zeroes", format!("const A = 0x{}1;", "0".repeat(1 << 20))),
        ("text", format!("const A = \"{long}\";")),
        (
            "escapes",
            format!("const A = \"{}\";", "\\\\".repeat(1 << 19)),
        ),
        ("comment", format!("/* {long} */ struct s {{ int x; }};")),
        ("line", format!("struct s {{ {fields}}};")),
    ]);
}

#[test]
fn sizes_of_types_are_bounded() {
    let twice = |n: usize| format!("struct s{} {{ s{n} a; s{n} b; }};", n + 1);
    let twice_in_heap = |n: usize| format!("struct s{} {{ s{n} a; s{n} b<>; }};", n + 1);
    bounded([
        ("giant_array", "struct s { int x[4294967295]; };\n".into()),
        (
            "giant_arrays",
            format!(
                "typedef int t0;\n{}",
                lines(60, |n| format!("typedef t{n} t{}[65536];", n + 1))
            ),
        ),
        (
            "doubling",
            format!("struct s0 {{ int x; }};\n{}", lines(200, twice)),
        ),
        (
            "doubling_in_heap",
            format!("struct s0 {{ int x; }};\n{}", lines(5_000, twice_in_heap)),
        ),
        (
            "doubling_constants",
            format!(
                "const C0 = 1;\n{}",
                lines(200, |n| format!("const C{} = C{n} + C{n};", n + 1))
            ),
        ),
    ]);
}

#[test]
fn chains_and_cycles_are_bounded() {
    let next = |n: usize| (n + 1) % DEEP;
    bounded([
        (
            "typedefs",
            format!(
                "typedef int t0;\n{}",
                lines(DEEP, |n| format!("typedef t{n} t{};", n + 1))
            ),
        ),
        (
            "typedefs_backwards",
            lines(DEEP, |n| format!("typedef t{} t{n};", n + 1)),
        ),
        (
            "typedefs_in_a_circle",
            lines(DEEP, |n| format!("typedef t{} t{n};", next(n))),
        ),
        (
            "typedefs_of_pointers",
            format!(
                "typedef int t0;\n{}",
                lines(DEEP, |n| format!("typedef t{n} *t{};", n + 1))
            ),
        ),
        (
            "constants_of_constants",
            format!(
                "const C0 = 1;\n{}",
                lines(DEEP, |n| format!("const C{} = C{n};", n + 1))
            ),
        ),
        (
            "constants_backwards",
            lines(DEEP, |n| format!("const C{n} = C{};", n + 1)),
        ),
        (
            "constants_in_a_circle",
            lines(DEEP, |n| format!("const C{n} = C{};", next(n))),
        ),
        (
            "structs_of_structs",
            format!(
                "struct s0 {{ int x; }};\n{}",
                lines(20_000, |n| format!("struct s{} {{ s{n} x; }};", n + 1))
            ),
        ),
        (
            "structs_in_a_circle",
            lines(20_000, |n| {
                format!("struct s{n} {{ s{} x; }};", (n + 1) % 20_000)
            }),
        ),
        (
            "pointers_in_a_circle",
            lines(20_000, |n| {
                format!("struct s{n} {{ s{} *x; int y; }};", (n + 1) % 20_000)
            }),
        ),
    ]);
}

#[test]
fn what_is_no_text_is_bounded() {
    let text = "struct s { int x; };\n".repeat(10_000);
    let utf16 = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    bounded([
        ("nothing", Vec::new()),
        (
            "bytes",
            (0..1_u32 << 20).map(|n| ((n * 919) >> 3) as u8).collect(),
        ),
        ("nuls", vec![0; 1 << 20]),
        ("nul_in_text", b"struct s { int\0x; };".to_vec()),
        ("crlf", text.replace('\n', "\r\n").into()),
        ("cr", text.replace('\n', "\r").into()),
        (
            "byte_order_marks",
            "\u{feff}struct s { int x; };\n".repeat(1_000).into(),
        ),
        ("utf16", utf16(&format!("\u{feff}{text}"))),
        ("latin1", b"/* \xe9 */ struct s { int x; };".to_vec()),
    ]);
}

/// The size of the largest protocols that people have: 7,000 lines and 700 types.
#[test]
fn a_large_protocol_is_bounded() {
    bounded([("protocol", protocol())]);
}

fn protocol() -> String {
    let part = |n: usize| {
        format!(
            "\
/* Part {n}: what a client asks,
 * and what a server answers.
 */
const MAX_NAME_{n} = {};
typedef string name_{n}<MAX_NAME_{n}>;
typedef opaque handle_{n}<64>;

/* How it went. */
enum status_{n} {{
{}\tST_{n}_LAST = 99
}};

struct attributes_{n} {{
{}\tname_{n} owner;
\thandle_{n} at;
}};

struct entry_{n} {{
\tunsigned hyper fileid;
\tname_{n} name;
\tentry_{n} *next;
}};

struct result_ok_{n} {{
\tattributes_{n} attributes;
\tentry_{n} *entries;
\tint counts<16>;
\tbool eof;
}};

union result_{n} switch (status_{n} status) {{
case ST_{n}_0:
\tresult_ok_{n} ok;
case ST_{n}_1:
\tstring why<>;
default:
\tvoid;
}};

",
            255 + n,
            lines(17, |value| format!(
                "\tST_{n}_{value} = {value},\t/* status {value} */"
            )),
            lines(12, |field| format!("\tunsigned hyper a{field};")),
        )
    };
    let procedure = |n: usize| format!("\t\tresult_{n} GET_{n}(handle_{n}) = {};", n + 1);
    format!(
        "{}program P {{\n\tversion V {{\n{}\t}} = 1;\n}} = 1;\n",
        lines(100, part),
        lines(100, procedure)
    )
}
