//! `--fmt`: what is tidied, and that nothing else changes.
//!
//! `BLESS=1 cargo test -p oncrpc-rpcgen --test fmt` writes what comes out into fmt/*.after.x.

mod ledger;

use std::fs;
use std::path::{Path, PathBuf};

use oncrpc_rpcgen::ast::{Item, ItemKind};
use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::fmt::tidy;
use oncrpc_rpcgen::lexer::lex;
use oncrpc_rpcgen::parser::parse;
use oncrpc_rpcgen::source::Sources;
use oncrpc_rpcgen::{Reading, preprocess};
use proptest::prelude::*;

/// The items of a text as text without their places, and the lines for C behind them.
fn meaning(text: &str) -> (String, Vec<String>) {
    let sources = Sources::default();
    let Ok(source) = sources.add("in.x", text) else {
        panic!("too large")
    };
    let reading = Reading::default();
    let read = preprocess::preprocess(&sources, source, &[], &reading);
    let parsed = parse(&read.tokens, &sources, &reading);
    let items: Vec<Item> = parsed.items;
    let items = items
        .iter()
        .filter(|item| !matches!(item.kind, ItemKind::Forward(_)));
    let shown = items
        .map(|item| without_places(&format!("{item:?}")))
        .collect();
    (shown, parsed.trailing)
}

/// What `{:?}` shows, without the numbers of spans.
fn without_places(shown: &str) -> String {
    let mut kept = String::new();
    let mut pieces = shown.split("Span { start: ");
    kept.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        kept.push_str(piece.split_once('}').map_or("", |(_, rest)| rest));
    }
    kept
}

/// The words of a text, those apart that end nothing.
fn words(text: &str) -> Vec<String> {
    let sources = Sources::default();
    let Ok(source) = sources.add("in.x", text) else {
        panic!("too large")
    };
    let (tokens, _) = lex(source);
    let words = tokens.iter().map(|token| token.text.to_owned());
    words.filter(|word| word != ";").collect()
}

/// The text tidied, after everything that must hold of it has been checked.
#[track_caller]
fn tidied(name: &str, text: &str) -> String {
    let once =
        tidy(name, text).unwrap_or_else(|refused| panic!("{}", refused.render(Style::Plain)));
    let again = tidy(name, &once);
    let again = again.unwrap_or_else(|refused| panic!("{once}\n{}", refused.render(Style::Plain)));
    assert_eq!(once, again, "{name}: what is tidy changes");
    assert_eq!(words(text), words(&once), "{name}: words change");
    assert_eq!(
        meaning(text),
        meaning(&once),
        "{name}: it means something else:\n{once}"
    );
    once
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|path| path.to_string_lossy().ends_with(ending));
    files.sort();
    files
}

#[test]
fn every_rule_has_its_example() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fmt");
    let bless = std::env::var_os("BLESS").is_some();
    let before = files(&folder, ".before.x");
    assert!(before.len() >= 8, "{before:?}");
    for path in before {
        let name = path.to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let found = tidied(&name, &text);
        let after = PathBuf::from(name.replace(".before.x", ".after.x"));
        if bless {
            let written = fs::write(&after, &found);
            assert!(written.is_ok(), "{written:?}");
        }
        let wanted = fs::read_to_string(&after).unwrap_or_default();
        assert_eq!(found, wanted, "{name}; BLESS=1 writes what comes out");
    }
}

#[test]
fn real_files_mean_what_they_meant() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = files(&root.join("../rpc/proto"), ".x");
    all.extend(files(&root.join("../portmapper/proto"), ".x"));
    all.extend(files(&root.join("tests/golden"), ".x"));
    all.extend(files(&root.join("../server/examples/hello"), ".x"));
    assert!(all.len() >= 5, "{all:?}");
    let installed: Vec<_> = ["/usr/include/rpcsvc", "/usr/include/tirpc/rpc"]
        .into_iter()
        .flat_map(|folder| files(Path::new(folder), ".x"))
        .collect();
    if installed.is_empty() {
        ledger::not_run(module_path!(), "rpcsvc-proto");
    }
    all.extend(installed);
    for path in all {
        let Ok(text) = oncrpc_rpcgen::read(&path) else {
            panic!("{}", path.display())
        };
        tidied(&path.to_string_lossy(), &text);
    }
}

#[test]
fn no_two_signs_become_another() {
    let signs = [
        "(", ")", "[", "]", "<", ">", ":", ",", "=", "*", "+", "-", "/", "%", "|", "&", "^", "~",
        "!", "?", "<<", ">>", "::", "<=", ">=", "==", "!=", "&&", "||",
    ];
    for before in signs {
        for next in signs {
            // What no branch keeps is not of the language, and stays what it is all the same.
            tidied("in.x", &format!("#if 0\nx {before} {next} y\n#endif\n"));
        }
    }
}

#[test]
fn what_is_not_of_the_language_is_not_touched() {
    for text in [
        "struct a { int 3; };",
        "struct a {",
        "const A = \"x;",
        "/* no end",
    ] {
        let refused = tidy("in.x", text).map_err(|refused| refused.render(Style::Short));
        let said = refused.err().unwrap_or_default();
        assert!(said.contains("in.x:1:"), "{text}: {said}");
    }
    // Whether a type is there matters to nobody who tidies.
    assert_eq!(
        tidy("in.x", "struct a {missing x;};").ok().as_deref(),
        Some("struct a { missing x; };\n")
    );
}

const PIECES: [&str; 30] = [
    "struct a { int x; };",
    "struct b {\nint x; /* one */\nstring y<>; // two\n};",
    "enum e { A, B = 2 };",
    "enum f {\nA,\nB = -2 /* last */\n};",
    "union u switch (int x) { case 1: case 2: int y; default: void; };",
    "union v switch (bool x) {\ncase TRUE:\nstruct { int z; } inner;\ncase FALSE:\nvoid;\n};",
    "const A = 1 + 2 * (3 - -1);",
    "typedef opaque o<2*3>;",
    "typedef struct a *list;",
    "program P { version V { void F(void) = 0; a G(int, a *) = 1; } = 1; } = 0x20000000;",
    "/* a comment */",
    "// another",
    "/*\n * several\n * lines\n */",
    "%#define X 1",
    "%int\tx; \\\n y",
    "#ifdef X",
    "#endif",
    "#else",
    "#define Y struct q { int x; };",
    "\n",
    "\n\n\n",
    "\t",
    ";",
    "namespace n {",
    "}",
    "pragma public a;",
    "const T = \"text /* none */\";",
    "struct c { a *next; };",
    "/* x */ struct d { /* y */ int /* z */ x; /* w */ };",
    "package \"p\";",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn anything_is_refused_or_stays_what_it_is(
        pieces in prop::collection::vec((prop::sample::select(&PIECES[..]), any::<bool>()), 0..12),
    ) {
        let mut text = String::new();
        for (piece, breaks) in pieces {
            let line = piece.starts_with(['#', '%', '/']);
            if line && !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(piece);
            text.push(if line || breaks { '\n' } else { ' ' });
        }
        if tidy("in.x", &text).is_ok() {
            tidied("in.x", &text);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".*") {
        let _ = tidy("in.x", &text);
    }
}
