//! Conditionals, macros, includes, lines for C, and several files as one unit.

mod ledger;

use std::fs;
use std::path::{Path, PathBuf};

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::ir::{TypeKind, Unit, Value};
use oncrpc_rpcgen::{Input, Reading, Translation, understand};

/// A folder of the test's own with these files in it.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("preprocess")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    for (file, text) in files {
        let path = folder.join(file);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = made.and_then(|()| fs::write(&path, text));
        assert!(written.is_ok(), "{}: {written:?}", path.display());
    }
    folder
}

/// What is made of files, by their names and texts.
fn read(files: &[(&str, &str)], reading: &Reading) -> Translation {
    let inputs = files.iter().map(|(name, text)| Input {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
    });
    let inputs: Vec<_> = inputs.collect();
    understand(&inputs, reading).unwrap_or_else(|error| panic!("{error}"))
}

/// The unit of one text, which is right.
#[track_caller]
fn unit(text: &str, reading: &Reading) -> Unit {
    let translation = read(&[("in.x", text)], reading);
    match translation.unit() {
        Some(unit) => unit.clone(),
        None => panic!("{}", translation.render(Style::Plain)),
    }
}

/// The constants of one text, which is right: `A=1 B=2`.
#[track_caller]
fn constants(text: &str, reading: &Reading) -> String {
    let unit = unit(text, reading);
    let constants = unit.constants.iter().map(|constant| match &constant.value {
        Value::Number(number) => format!("{}={number}", constant.name),
        Value::Text(text) => format!("{}={text:?}", constant.name),
    });
    constants.collect::<Vec<_>>().join(" ")
}

/// What is said of one text, a line each.
fn said(text: &str, reading: &Reading) -> Vec<String> {
    let rendered = read(&[("in.x", text)], reading).render(Style::Short);
    rendered.lines().map(str::to_owned).collect()
}

fn defines(defines: &[(&str, &str)]) -> Reading {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), Some((*value).to_owned()));
    Reading {
        defines: defines.iter().map(owned).collect(),
        ..Reading::default()
    }
}

#[test]
fn conditionals_choose_what_is_read() {
    let text = "\
#define X 3
#if X == 3 && defined(X) && !defined Y
const A = 1;
#elif 1
const B = 1;
#else
this is not even a word's: 'quote
#endif
#ifdef Y
# if 1
const C = 1;
# else
const D = 1;
# endif
#elif X > 2
const E = X;
#endif
#ifndef Y
const F = 1;
#endif /* a comment
that goes on */
#undef X
#ifdef X
const G = 1;
#endif
#if (1 + 2 * 3 - 1) / 2 == 3 && (0x10 >> 2 | 1) == 5 && ~0 == -1 && NONE == 0
const H = 1;
#endif
";
    assert_eq!(constants(text, &Reading::default()), "A=1 E=3 F=1 H=1");
}

#[test]
fn types_are_read_as_for_a_header_unless_somebody_says_otherwise() {
    let text = "\
#ifdef RPC_HDR
const HDR = 1;
#endif
#if RPC_XDR
const XDR = 1;
#endif
";
    assert_eq!(constants(text, &Reading::default()), "HDR=1");
    assert_eq!(constants(text, &defines(&[("RPC_XDR", "1")])), "XDR=1");
}

#[test]
fn a_macro_stands_for_words_anywhere() {
    let text = "\
#define SIZE (2 * N)
#define N 8
#define T unsigned \\
    hyper
#define NOTHING
#define SELF SELF
const NOTHING A = SIZE;
struct s { T SELF; };
";
    let unit = unit(text, &Reading::default());
    assert_eq!(unit.constants[0].value, Value::Number(16));
    let TypeKind::Struct(def) = &unit.types[0].kind else {
        panic!("a struct")
    };
    assert_eq!(
        (def.fields[0].name.as_str(), unit.types[0].min_len),
        ("SELF", 8)
    );
}

#[test]
fn what_the_command_line_defines_is_a_constant() {
    let reading = defines(&[("MAX", "4 * 2"), ("FLAG", "1")]);
    assert_eq!(constants("const A = MAX + FLAG;", &reading), "A=9");
}

#[test]
fn numbers_in_lines_for_c_are_constants() {
    let text = "\
%#define PLAIN 3
%# define HEX 0x10 /* bytes */
%#define SUM (PLAIN + \\
%             LATER)
%#define SUM2 (PLAIN + \\
              LATER)
%#define LATER 4
%#define CALL(x) 5
%#define CODE do_it()
%#define GUARD
%#define OTHER NOBODY + 1
%#define NAME \"name\"
%#define TAKEN 1
const TAKEN = 2;
const A = HEX;
struct s { opaque data<PLAIN>; };
";
    let found = constants(text, &Reading::default());
    assert_eq!(
        found,
        "PLAIN=3 HEX=16 SUM2=7 LATER=4 NAME=\"name\" TAKEN=2 A=16"
    );
}

#[test]
fn lines_for_c_are_kept_with_what_they_stand_before() {
    let text = "\
%#include <stdio.h>
%
%/* two
% * lines */
struct s {
%	inside
	int x;
};
%#define LONG \\
    joined
";
    let unit = unit(text, &Reading::default());
    let before = [
        "#include <stdio.h>",
        "",
        "/* two",
        " * lines */",
        "\tinside",
    ];
    assert_eq!(unit.types[0].docs.verbatim, before);
    assert_eq!(unit.files[0].trailing, ["#define LONG \\\n    joined"]);
}

#[test]
fn an_include_is_read_where_it_stands() {
    let folder = folder(
        "include",
        &[
            ("main.x", ""),
            ("beside.x", "const BESIDE = 1;\n#include \"sub/deep.x\"\n"),
            (
                "sub/deep.x",
                "#pragma once\n#define DEEP 7\nconst D = DEEP;\n",
            ),
            ("path/found.x", "const FOUND = DEEP;\n"),
        ],
    );
    let reading = Reading {
        include: vec![folder.join("path")],
        ..Reading::default()
    };
    let text =
        "#include \"beside.x\"\n#include \"sub/deep.x\"\n#include <found.x>\nconst LAST = 1;\n";
    let name = folder.join("main.x");
    let translation = read(&[(&name.to_string_lossy(), text)], &reading);
    let names =
        |unit: &Unit| -> Vec<String> { unit.constants.iter().map(|c| c.name.clone()).collect() };
    let unit = translation.unit();
    assert_eq!(
        unit.map(names),
        Some(["BESIDE", "D", "FOUND", "LAST"].map(str::to_owned).to_vec()),
        "{}",
        translation.render(Style::Plain)
    );
    let included = ["beside.x", "sub/deep.x", "path/found.x"].map(|file| folder.join(file));
    assert_eq!(translation.included(), included);
}

#[test]
fn an_error_in_an_include_is_shown_there() {
    let folder = folder("wrong", &[("wrong.x", "\n\nstruct a { missing x; };\n")]);
    let main = folder.join("main.x");
    let text =
        "#include \"wrong.x\"\n#include \"absent.x\"\n#include <absent.x>\n#include absent\n";
    let translation = read(&[(&main.to_string_lossy(), text)], &Reading::default());
    let rendered = translation.render(Style::Short);
    let rendered = rendered.replace(&folder.to_string_lossy()[..], "DIR");
    let lines: Vec<_> = rendered.lines().collect();
    assert_eq!(
        lines,
        [
            "DIR/main.x:2:1: error: there is no file `absent.x`",
            "DIR/main.x:3:1: error: there is no file `absent.x`",
            "DIR/main.x:4:1: error: `#include` needs the name of a file",
            "DIR/wrong.x:3:12: error: there is no type `missing`",
        ]
    );
    let help = translation.render(Style::Plain);
    assert!(help.contains("looked for it in"), "{help}");
    assert!(help.contains("--include names more folders"), "{help}");
}

#[test]
fn what_is_wrong_with_directives_is_told() {
    let found = said(
        "\
#if 1 +
#endif
#if 3 4
#endif
#if (1
#endif
#ifdef
#endif
#else
#endif
#define
#undef 3
#nonsense
#error stop here
#warning look here
#define F(x) x
const A = F(3);
#if 1
#else
#elif 1
#endif
#define TWICE 1
#define TWICE 2
#if 1/0
#endif
#if 1
",
        &Reading::default(),
    );
    assert_eq!(
        found,
        [
            "in.x:1:2: error: a condition is missing here",
            "in.x:3:7: error: `4` is not expected in a condition",
            "in.x:5:2: error: `)` is missing here",
            "in.x:7:2: error: `#ifdef` needs the name of a macro",
            "in.x:9:2: error: `#else` without an `#if`",
            "in.x:10:2: error: `#endif` without an `#if`",
            "in.x:11:2: error: `#define` needs the name of a macro",
            "in.x:12:2: error: `#undef` needs the name of a macro",
            "in.x:13:2: error: there is no directive `#nonsense`",
            "in.x:14:1: error: #error stop here",
            "in.x:15:1: warning: #warning look here",
            "in.x:17:11: error: macro `F` has arguments",
            "in.x:17:12: error: expected `;`, found `(`",
            "in.x:20:2: error: `#elif` behind `#else`",
            "in.x:23:9: warning: macro `TWICE` is defined anew",
            "in.x:24:6: error: this has no value of 64 bits",
            "in.x:26:2: error: this conditional does not end",
        ]
    );
}

#[test]
fn loops_and_bombs_end() {
    let folder = folder("loop", &[("loop.x", "#include \"loop.x\"\nconst A = 1;\n")]);
    let main = folder.join("loop.x");
    let text = fs::read_to_string(&main).unwrap_or_default();
    // Under another name, so that it is no input.
    let name = folder.join("other.x");
    let looped = read(&[(&name.to_string_lossy(), &text)], &Reading::default());
    let rendered = looped.render(Style::Short);
    assert!(
        rendered.contains("files include each other more than 64 deep"),
        "{rendered}"
    );
    let mut bomb = String::from("#define A0 x\n");
    for n in 0..40 {
        bomb += &format!("#define A{} A{n} A{n}\n", n + 1);
    }
    let found = said(&format!("{bomb}A40\n"), &Reading::default());
    assert!(
        found
            .iter()
            .any(|line| line.contains("macros make more than 300000 words")),
        "{found:?}"
    );
    let deep: String = (0..100)
        .map(|n| format!("#define B{n} B{}\n", n + 1))
        .collect();
    let found = said(&format!("{deep}const A = B0;\n"), &Reading::default());
    assert!(
        found[0].ends_with("error: macros of macros, more than 64 deep"),
        "{found:?}"
    );
}

#[test]
fn files_of_one_run_see_each_other() {
    let a = "const SIZE = 4; typedef opaque handle[SIZE]; struct same { int a; };";
    let b = "struct user { handle h; same s; opaque more<SIZE>; }; struct same { hyper b; };";
    let translation = read(&[("dir/a.x", a), ("dir/b.x", b)], &Reading::default());
    let Some(unit) = translation.unit() else {
        panic!("{}", translation.render(Style::Plain))
    };
    let files: Vec<_> = unit.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(files, ["a.x", "b.x"]);
    let user = unit.types.iter().find(|def| def.name == "user");
    // A file's own `same` comes before that of another: 4 + 8 + 4 bytes.
    assert_eq!(user.map(|def| (def.file, def.min_len)), Some((1, 16)));
    // Alone it has errors, all of them.
    let found = said(b, &Reading::default());
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn an_input_that_another_includes_is_read_once() {
    let a = "const SIZE = 4;\n";
    let folder = folder("shared", &[("a.x", a)]);
    let b = "#include \"a.x\"\nopaque_size x;\n".replace("opaque_size x", "typedef opaque x<SIZE>");
    let (a_name, b_name) = (folder.join("a.x"), folder.join("b.x"));
    let files = [
        (&*a_name.to_string_lossy(), a),
        (&*b_name.to_string_lossy(), &*b),
    ];
    let translation = read(&files, &Reading::default());
    let constants = translation.unit().map(|unit| unit.constants.len());
    assert_eq!(constants, Some(1), "{}", translation.render(Style::Plain));
}

#[test]
fn types_from_outside_are_what_the_user_says_or_what_headers_say() {
    let reading = Reading {
        extern_types: [("sockaddr".to_owned(), "crate::Sockaddr".to_owned())].into(),
        ..Reading::default()
    };
    let text = "struct a { sockaddr s; netobj n; rpcprog_t p; opaque name<MAXNETNAMELEN>; };";
    let rust = oncrpc_rpcgen::translate_all(
        &[Input {
            name: "in.x".to_owned(),
            text: text.to_owned(),
        }],
        &reading,
        &oncrpc_rpcgen::Options::default(),
    );
    let rust = rust.map(|translation| translation.files().map(|files| files[0].rust.clone()));
    let Ok(Some(rust)) = rust else {
        panic!("{rust:?}")
    };
    assert!(rust.contains("pub s: crate::Sockaddr,"), "{rust}");
    let wrong = Reading {
        extern_types: [("a".to_owned(), "not a path".to_owned())].into(),
        ..Reading::default()
    };
    let refused = understand(&[], &wrong).map(|_| ());
    assert_eq!(
        refused,
        Err("type `a` is to be `not a path`, which is not the path of a Rust type".to_owned())
    );
}

#[test]
fn bounds_of_the_users_are_for_what_has_none() {
    let reading = Reading {
        bounds: [
            ("a.x".to_owned(), 7),
            ("t".to_owned(), 9),
            ("a.y".to_owned(), 1),
        ]
        .into(),
        ..Reading::default()
    };
    let text = "struct a { opaque x<>; int y<3>; }; typedef string t<>;";
    let found = said(text, &reading);
    assert_eq!(found, ["error: nothing without a bound is called `a.y`"]);
}

#[test]
fn dialects_are_read() {
    let text = "\
package \"p\";
namespace outer::inner {
	struct a { int x; };
	namespace more { enum e { A = 1 }; }
};
pragma public a;
pragma exclude HIDDEN;
#[derive(Something)]
[doc(\"what it is\")]
struct b { outer::inner::a x; [mode(\"map\")] ::outer::e y; };
program P { version V { void SEEN(void) = 1; void HIDDEN(void) = 2; } = 1; } = 3;
";
    let unit = unit(text, &Reading::default());
    let names: Vec<_> = unit.types.iter().map(|def| def.name.as_str()).collect();
    assert_eq!(names, ["a", "e", "b"]);
    let procedures = &unit.programs[0].versions[0].procedures;
    assert_eq!(procedures.len(), 1);
    let found = said("namespace a {\nstruct s { int x; };\n", &Reading::default());
    assert_eq!(found, ["in.x:1:1: error: this namespace is not closed"]);
}

#[test]
fn a_real_preprocessor_may_read_the_files() {
    let cpp = Path::new("/usr/bin/cpp");
    if !cpp.exists() {
        // CI installs it with the C compiler that the interop tests need.
        return ledger::not_run("a_real_preprocessor_may_read_the_files", "cpp");
    }
    let folder = folder("cpp", &[("inc.x", "const I = ADD(1, 2);\n")]);
    let text = "#define ADD(a, b) (a + b)\n#include \"inc.x\"\n\nstruct a { missing x; };\n";
    let main = folder.join("main.x");
    let written = fs::write(&main, text);
    assert!(written.is_ok(), "{written:?}");
    let reading = Reading {
        cpp: Some(cpp.to_owned()),
        ..Reading::default()
    };
    let name = main.to_string_lossy();
    let translation = read(&[(&name, text)], &reading);
    let rendered = translation.render(Style::Short);
    let rendered = rendered.replace(&folder.to_string_lossy()[..], "DIR");
    assert_eq!(
        rendered,
        "DIR/main.x:4:12: error: there is no type `missing`"
    );
    let right = text.replace("missing", "int");
    let written = fs::write(&main, &right);
    assert!(written.is_ok(), "{written:?}");
    let translation = read(&[(&name, &right)], &reading);
    let value = translation
        .unit()
        .map(|unit| unit.constants[0].value.clone());
    assert_eq!(value, Some(Value::Number(3)));
}
