//! The .x files, and a case for each of their types.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::ir::{Type, TypeId, TypeKind, Unit};
use oncrpc_rpcgen::{Input, Reading, Translation, translate_all, understand};

use super::manners::Manner;

/// A .x file as both sides get it.
///
/// A struct is added for each type, with that as its only field: it is the same on the wire, and has a name that is
/// the same in every language.
pub struct Protocol {
    /// Its name without `.x`: also that of the module of Rust.
    pub name: String,
    /// What Debian's rpcgen is given: files by name, the one that counts at the end.
    pub for_c: Vec<(String, String)>,
    /// What it means.
    pub unit: Unit,
    /// The Rust that it becomes, in each of the [`Manner`]s.
    pub rust: Vec<String>,
    /// Its types.
    pub cases: Vec<Case>,
}

/// Something that is encoded and decoded.
pub struct Case {
    /// What the .x file calls it.
    pub name: String,
    /// What it is made of, one after the other.
    pub types: Vec<Type>,
    /// The type in C, if there is one, without the `xdr_` of its function.
    pub c: Option<String>,
    rust: Rust,
}

/// A type in Rust, as seen from the module of its file.
enum Rust {
    /// The struct that was added with this number.
    Added(usize),
    /// What is passed to or answered by a procedure: the module of its version, its name, and which of both.
    Passed(String, String, &'static str),
}

impl Case {
    /// The type in Rust, as seen from where the module of its file is.
    pub fn rust(&self, file: &str, manner: Manner) -> String {
        match &self.rust {
            Rust::Added(number) => {
                format!("{file}::{}", manner.type_name(&format!("proof_{number}")))
            }
            Rust::Passed(version, procedure, what) => {
                let procedure = manner.procedure_name(procedure);
                format!("<{file}::{version}::procedure::{procedure} as oncrpc::Procedure>::{what}")
            }
        }
    }
}

/// The .x files in `xdr_values` and those that Debian installs, by name.
pub fn all() -> Vec<Protocol> {
    let folders = [&own(), Path::new(RPCSVC), Path::new(TIRPC)];
    let files = folders
        .into_iter()
        .flat_map(|folder| fs::read_dir(folder).expect("the folder is there"));
    let files = files.map(|entry| entry.expect("it is there").path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "x"))
        .collect();
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    let installed = files.iter().filter(|path| !path.starts_with(own()));
    assert!(
        installed.count() >= INSTALLED,
        "rpcsvc-proto or libtirpc-dev is incomplete"
    );
    files.iter().map(|path| protocol(path)).collect()
}

/// Where the files of this test are.
fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("xdr_values")
}

fn protocol(path: &Path) -> Protocol {
    let name = path.file_stem().and_then(|stem| stem.to_str());
    let name = name.expect("its name is text").to_owned();
    let mut text = read(path);
    if name == "nis_callback" {
        // It uses the types of nis.x, the C header of which it includes.
        text = format!("#include \"nis.x\"\n{text}");
    }
    let plain = understand(&input(path, &text), &Reading::default());
    let mut added = String::new();
    let mut cases = Vec::new();
    for (number, def) in unit(&plain).types.iter().enumerate() {
        // A list by value would be a list no longer.
        let star = match &def.kind {
            TypeKind::Struct(def) if def.link.is_some() => "*",
            _ => "",
        };
        let _ = writeln!(
            added,
            "struct proof_{number} {{ {} {star}value; }};",
            def.name
        );
        cases.push(Case {
            name: def.name.clone(),
            types: Vec::new(),
            c: Some(format!("proof_{number}")),
            rust: Rust::Added(number),
        });
    }
    text = format!("{text}\n{added}");
    let translations = Manner::ALL.map(|manner| {
        let input = input(path, &text);
        translate_all(&input, &Reading::default(), &manner.options())
    });
    let unit = unit(&translations[0]);
    for (number, case) in cases.iter_mut().enumerate() {
        let added = format!("proof_{number}");
        let added = unit.types.iter().position(|def| def.name == added);
        case.types = vec![Type::Named(TypeId(added.expect("it was added")))];
    }
    // How Debian's files name their procedures is not the point here.
    if path.starts_with(own()) {
        let procedures = procedures(unit, &cases);
        cases.extend(procedures);
    }
    let rust = translations.iter().map(|translation| {
        let files = translation.as_ref().ok().and_then(Translation::files);
        files.expect("there is a unit")[0].rust.clone()
    });
    Protocol {
        for_c: for_c(path, &text),
        unit: unit.clone(),
        rust: rust.collect(),
        name,
        cases,
    }
}

/// What is passed to the procedures of a file, and what they answer; names of one word are assumed.
fn procedures(unit: &Unit, known: &[Case]) -> Vec<Case> {
    let mut cases = Vec::new();
    // As rpcgen -c writes only types, C has those that are one, and structs of several arguments.
    let named = |ty: &Type| match ty {
        Type::Named(id) => {
            let mut known = known.iter();
            known.find(|case| case.name == unit.ty(*id).name)?.c.clone()
        }
        _ => None,
    };
    for program in &unit.programs {
        for version in &program.versions {
            let module = format!("{}::v{}", program.name.to_lowercase(), version.number);
            for procedure in &version.procedures {
                let name = &procedure.name;
                let arguments = procedure.arguments.iter();
                let types: Vec<_> = arguments.map(|argument| argument.ty.clone()).collect();
                cases.push(Case {
                    name: format!("the arguments of {name}"),
                    c: match &types[..] {
                        [] => None,
                        [one] => named(one),
                        _ => Some(format!(
                            "{}_{}_argument",
                            name.to_lowercase(),
                            version.number
                        )),
                    },
                    types,
                    rust: Rust::Passed(module.clone(), name.clone(), "Args"),
                });
                cases.extend(procedure.result.iter().map(|result| Case {
                    name: format!("the results of {name}"),
                    c: named(result),
                    types: vec![result.clone()],
                    rust: Rust::Passed(module.clone(), name.clone(), "Results"),
                }));
            }
        }
    }
    cases
}

/// The file as Debian's rpcgen is given it, and those that it includes, which are looked for beside it.
fn for_c(path: &Path, text: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    for included in text
        .lines()
        .filter_map(|line| line.strip_prefix("#include \""))
    {
        let included = path.with_file_name(included.trim_end().trim_end_matches('"'));
        files.extend(for_c(&included, &read(&included)));
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.expect("its name is text").to_owned();
    let mut text = text.to_owned();
    if WITHOUT_LINES_FOR_C.contains(&name.as_str()) {
        text = without_lines_for_c(&text);
    }
    files.push((name, text));
    files
}

/// `text` without the lines that begin with `%`, and those that continue them.
fn without_lines_for_c(text: &str) -> String {
    let mut continued = false;
    let mut kept = String::new();
    for line in text.lines() {
        let for_c = continued || line.starts_with('%');
        continued = for_c && line.ends_with('\\');
        if !for_c {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

fn unit(translation: &Result<Translation, String>) -> &Unit {
    let translation = match translation {
        Ok(translation) => translation,
        Err(error) => panic!("{error}"),
    };
    let unit = translation.unit();
    unit.unwrap_or_else(|| panic!("{}", translation.render(Style::Plain)))
}

fn input(path: &Path, text: &str) -> [Input; 1] {
    let (name, text) = (path.display().to_string(), text.to_owned());
    [Input { name, text }]
}

fn read(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Where rpcsvc-proto and libtirpc-dev install .x files, and how many at least.
const RPCSVC: &str = "/usr/include/rpcsvc";
const TIRPC: &str = "/usr/include/tirpc/rpc";
const INSTALLED: usize = 18;

/// Files the C of which does not compile because of the lines that they have for C.
///
/// nis.x continues some with a backslash, which the preprocessor that Debian's rpcgen runs joins, so that rpcgen
/// reads the rest as its own language. nis_callback.x includes a header that Debian does not install. rpcb_prot.x
/// declares what the headers of libtirpc declare already.
const WITHOUT_LINES_FOR_C: [&str; 4] = ["nis.x", "nis_object.x", "nis_callback.x", "rpcb_prot.x"];
