//! What is wrong with a file: all of it, with the place and what makes it wrong.

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::translate;

/// All that is said of `text`, which is wrong.
fn errors(text: &str) -> String {
    let Ok(translation) = translate("in.x", text) else {
        panic!("too large")
    };
    assert!(translation.files().is_none(), "{text:?} is taken");
    assert!(translation.errors() > 0);
    translation.render(Style::Plain)
}

/// The first lines of all errors of `text`.
fn messages(text: &str) -> Vec<String> {
    let errors = errors(text);
    let lines = errors
        .lines()
        .filter_map(|line| line.strip_prefix("error: "));
    lines.map(str::to_owned).collect()
}

#[test]
fn an_error_shows_its_line_and_column() {
    assert_eq!(
        errors("struct a {\n\tint 3;\n};\n"),
        "\
error: expected the name of a field, found `3`
 --> in.x:2:6
  |
2 |     int 3;
  |         ^ expected the name of a field"
    );
}

#[test]
fn what_makes_it_wrong_is_shown_beside_it() {
    assert_eq!(
        errors("struct a { int x; };\nconst a = 1;\n"),
        "\
error: `a` is defined twice
 --> in.x:2:7
  |
1 | struct a { int x; };
  |        - first defined here
2 | const a = 1;
  |       ^ defined again here"
    );
}

#[test]
fn reading_goes_on_behind_an_error() {
    let text = "struct a { int 3; string name; };\nconst X = ;\nenum e { A = 1, B = };\nstruct ok { int fine; };";
    assert_eq!(
        messages(text),
        [
            "expected the name of a field, found `3`",
            "expected a number or the name of a constant, found `;`",
            "expected a number or the name of a constant, found `}`",
        ]
    );
}

#[test]
fn every_rule_of_the_language_is_checked() {
    let rules = [
        // Names.
        ("struct a { missing x; };", "there is no type `missing`"),
        ("struct a { int x<NOPE>; };", "there is no constant `NOPE`"),
        (
            "const a = b; const b = a;",
            "the value of `a` depends on itself",
        ),
        ("struct a { int x; int x; };", "field `x` stands twice"),
        ("enum e { A = 1, A = 2 };", "`A` is defined twice"),
        // Types.
        ("struct a { a next; };", "`a` contains itself without end"),
        (
            "struct a { b x; }; struct b { a y; };",
            "`a` contains itself without end",
        ),
        (
            "typedef a b; typedef b a;",
            "`b` contains itself without end",
        ),
        ("struct a { };", "the struct is empty"),
        ("enum e { };", "the enum is empty"),
        ("struct a { opaque x; };", "opaque data needs a length"),
        ("struct a { int *x[3]; };", "an array of pointers"),
        ("typedef opaque a<-1>;", "a length cannot be -1"),
        (
            "typedef opaque a<4294967296>;",
            "a length cannot be 4294967296",
        ),
        // Unions.
        (
            "union u switch (int a) { case 1: int b; case 1: int c; };",
            "this label stands twice",
        ),
        (
            "union u switch (float a) { case 1: int b; };",
            "this cannot decide between arms",
        ),
        (
            "union u switch (unsigned a) { case -1: int b; };",
            "the discriminant cannot have this value",
        ),
        (
            "union u switch (bool a) { case 2: int b; };",
            "the discriminant cannot have this value",
        ),
        // Programs.
        (
            "program P { version V { void F(void) = 1; void G(void) = 1; } = 1; } = 1;",
            "procedure 1 stands twice",
        ),
        (
            "program P { version V { void F(void) = 1; } = -1; } = 1;",
            "the number of a version cannot be -1",
        ),
        ("program P { } = 1;", "the program is empty"),
        // Text.
        ("/* never closed", "this comment does not end"),
        ("const a = \"abc;", "this quote does not end"),
        ("int $x;", "`$` is not part of the language"),
        ("const a = 0999;", "`0999` is not a number"),
        ("struct a { int x; ", "the struct is not closed"),
    ];
    let wrong = rules
        .into_iter()
        .filter(|(text, message)| !messages(text).iter().any(|found| found == message));
    let wrong: Vec<_> = wrong
        .map(|(text, message)| (text, message, messages(text)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn deep_nesting_is_refused() {
    let deep = "struct a { ".repeat(10_000);
    assert!(
        messages(&deep)
            .iter()
            .any(|message| message.contains("nested deeper than"))
    );
}
