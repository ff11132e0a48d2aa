//! `--sun` refuses what Debian's rpcgen refuses, and takes what it takes unless that is wrong in any dialect.

mod ledger;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::{Input, Options, Reading, translate_all};

/// Whether ours takes a text.
fn ours(text: &str, sun: bool, new_style: bool) -> Result<(), String> {
    let input = Input {
        name: "in.x".to_owned(),
        text: text.to_owned(),
    };
    let reading = Reading {
        sun,
        new_style,
        ..Reading::default()
    };
    let translation = translate_all(&[input], &reading, &Options::default())?;
    match translation.files() {
        Some(_) => Ok(()),
        None => Err(translation.render(Style::Short)),
    }
}

/// Whether Debian's takes it.
fn theirs(folder: &Path, text: &str, new_style: bool) -> bool {
    let written = fs::write(folder.join("in.x"), text);
    assert!(written.is_ok(), "{written:?}");
    let mut rpcgen = Command::new("/usr/bin/rpcgen");
    if new_style {
        rpcgen.arg("-N");
    }
    let status = rpcgen
        .args(["-h", "in.x"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn sun_refuses_what_debians_rpcgen_refuses_and_nothing_else() {
    if !Path::new("/usr/bin/rpcgen").exists() {
        return ledger::not_run(module_path!(), "rpcsvc-proto");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sun");
    let _ = fs::create_dir_all(&folder);
    // Nothing is wrong with this line but its length.
    let fields: String = (0..200).map(|n| format!("int x{n};")).collect();
    let long = format!("struct a {{ {fields} }};");
    let mut wrong = Vec::new();
    let mut refused = 0;
    for text in PROBES.iter().copied().chain([&*long]) {
        for new_style in [false, true] {
            let text = format!("{text}\n");
            let (theirs, sun) = (
                theirs(&folder, &text, new_style),
                ours(&text, true, new_style),
            );
            refused += usize::from(!theirs);
            let plain = ours(&text, false, new_style);
            match (theirs, &sun) {
                (false, Ok(())) => wrong.push(format!("theirs refuses: {text}")),
                (true, Err(why)) if plain.is_ok() => {
                    wrong.push(format!("theirs takes: {text}{why}"));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 80, "theirs refuses {refused}");
}

/// One construct each.
const PROBES: &[&str] = &[
    "struct a { unsigned x; unsigned short b; unsigned long c; unsigned char d; unsigned hyper e; short int f; long int g; hyper int h; };",
    "struct a { long long x; };",
    "struct a { signed int x; };",
    "struct a { int unsigned x; };",
    "struct a { char x; short y; unsigned char z; };",
    "struct a { bool x<4>; bool *c; bool b[4]; };",
    "struct a { quadruple q; };",
    "struct s { int x; }; struct b { struct s x; };",
    "union u switch (int a) { case 1: int b; }; struct s { union u x; };",
    "struct s { int x; }; typedef struct s s; typedef struct s *sp;",
    "typedef struct { int x; } s;",
    "typedef enum { A = 1 } s;",
    "struct a { struct { int x; } b; };",
    "enum { A, B };",
    "struct a { b x; }; struct b { int y; };",
    "struct s { int x; s *next; };",
    "struct s { struct s next; };",
    "struct s { struct s kids<>; };",
    "struct b; struct b { int x; };",
    "struct a { int a, b; };",
    "struct a { int **p; };",
    "struct a { int a[2][3]; };",
    "struct a { int *a[8]; };",
    "struct a { int *a<8>; };",
    "struct a { int a:3; };",
    "struct a { };",
    "enum a { };",
    "union a switch (int x) { };",
    "program P { version V { } = 1; } = 1;",
    "program P { } = 1;",
    "struct a { string s; };",
    "struct a { string s[8]; };",
    "struct a { string *s<>; };",
    "struct a { opaque s; };",
    "struct a { opaque *s; };",
    "struct a { opaque a<>; string s<>; int v<>; };",
    "const N = 4; enum e { E = 3 }; struct a { opaque a<N>; string s<E>; int v<0x10>; int w[010]; opaque z<0>; opaque f<F>; }; const F = 3;",
    "struct a { opaque a<-1>; };",
    "struct a { opaque a<2*3>; };",
    "const A = 1+2;",
    "const A = (1);",
    "const A = 1<<3;",
    "const A = +1;",
    r#"const A = 1; const B = -1; const C = 0xff; const D = 0777; const E = 18446744073709551615; const F = A; const G = "text";"#,
    "const A = 0X1F;",
    "const A = -0x1f;",
    "const A = 10U;",
    "const A = 10ULL;",
    "const A = 'a';",
    "const A = 1'000;",
    "const A = 1; const A = 2;",
    "const A = B;",
    "const A = -;",
    "const A = 0x;",
    "const A = 0999;",
    "enum e { A, B = 5, C, D = -3, E = 0x10, F = 010 };",
    "enum e { A = 1, B = 1 };",
    "enum e { A = 0xffffffff };",
    "enum e { A = 1, };",
    "enum e { A = 'a' };",
    "enum e { A = 1+1 };",
    "union u switch (hyper x) { case 1: int a; };",
    "union u switch (char x) { case 1: int a; };",
    "enum e {A=1}; union u switch (enum e x) { case A: int a; };",
    "union u switch (int x) { case 'a': int a; };",
    "union u switch (int x) { case 1: int a; case 0x2: int b; case -3: int c; default: void; };",
    "union u switch (int x) { case 0: case 1: int a; };",
    "union u switch (int x) { default: int a; };",
    "union u switch (int x) { default: int a; case 1: int b; };",
    "union u switch (int x) { case 1: default: int a; };",
    "union u switch (int x) { case 1: int a; case 1: int b; };",
    "union u switch (int x) { case 1: int a; case 2: int a; };",
    "union u switch (int x) { case 1: int a; case 2: hyper a; };",
    "union u switch (int x) { case NOPE: int a; };",
    "struct a { int version; };",
    "struct a { int program; };",
    "struct a { int string; };",
    "struct a { int for; };",
    "struct a { int x; };;",
    ";struct a { int x; };",
    "struct a { int x; }\nstruct b { int y; };",
    "namespace x { struct a { int x; }; }",
    "namespace x { struct a { int x; }; } struct b { x::a y; };",
    "pragma public a; struct a { int x; };",
    r#"package "x"; struct a { int x; };"#,
    r#"[doc("x")] struct a { int x; };"#,
    "// x\nstruct a { int x; };",
    "struct a { utf8string x; };",
    "program P { version V { int F(int, int) = 1; } = 1; } = 1;",
    "program P { version V { int F(int a) = 1; } = 1; } = 1;",
    "program P { version V { int F() = 1; } = 1; } = 1;",
    "program P { version V { int F(void, int) = 1; } = 1; } = 1;",
    "program P { version V { string F(string) = 1; } = 1; } = 1;",
    "program P { version V { string F(string<8>) = 1; } = 1; } = 1;",
    "program P { version V { string F(string s<8>) = 1; } = 1; } = 1;",
    "program P { version V { string<8> F(void) = 1; } = 1; } = 1;",
    "program P { version V { int F(opaque) = 1; } = 1; } = 1;",
    "program P { version V { int F(opaque<8>) = 1; } = 1; } = 1;",
    "program P { version V { int F(int<8>) = 1; } = 1; } = 1;",
    "program P { version V { int F(int[8]) = 1; } = 1; } = 1;",
    "program P { version V { int F(int *) = 1; } = 1; } = 1;",
    "program P { version V { int * F(int) = 1; } = 1; } = 1;",
    "program P { version V { int F(int) = -1; } = 1; } = 1;",
    "program P { version V { int F(int) = 1; int G(int) = 1; } = 1; } = 1;",
    "program P { struct a { int x; }; version V { int F(int) = 1; } = 1; } = 1;",
    "const A = 1; program P { version V { int F(int) = A; } = A; } = A;",
    "program P { version V { int F(int) = 1; } = 1; version W { int F(int) = 1; } = 2; } = 1; program Q { version X { void G(void) = 0; } = 1; } = 2;",
    "%#define X 3\nstruct a { opaque x<X>; };",
    "  %#define X 3\nstruct a { int x; };",
    "#define X 3\nstruct a { opaque x<X>; };",
    "struct a { array x; }; typedef int array;",
    "typedef int opaque;",
    "struct a { int $x; };",
    "struct a { nope x; };",
    "struct a { int x; }; struct a { int y; };",
    "struct a { int x; int x; };",
    "struct a { bool_t x; enum_t y; };",
    "struct a { quad_t x; u_quad_t y; int64_t z; u_int w; };",
    "struct struct { int x; };",
    "struct a { void; };",
    "struct a { void x; };",
    "union u switch (bool x) { case TRUE: int a; case FALSE: void; };",
    "const A;",
    "const A = 1",
    "struct a { enum e x; }; enum e { A = 1 };",
    "const N = -1; opaque x<N>;",
    "int x;",
    "struct a {\r\n int x;\r\n};\r\n",
];
