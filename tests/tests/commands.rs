//! What goes beside the commands says what their `--help` says: manual pages, completions of shells, the file of
//! settings.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oncrpc_portmapper::{cli, rpcinfo, rpcping};

/// A command, the folder with its `completions`, and its help.
const COMMANDS: [(&str, &str, &str); 4] = [
    ("rpcbind", "portmapper", cli::HELP),
    ("rpcinfo", "portmapper", rpcinfo::cli::HELP),
    ("rpcping", "portmapper", rpcping::cli::HELP),
    (
        "rpcgen",
        "rpcgen",
        include_str!("../../rpcgen/src/cli/help/long.txt"),
    ),
];

#[test]
fn every_option_has_its_entry_in_the_manual_and_every_entry_is_an_option() {
    for (page, help) in [
        ("man/rpcbind.8", cli::HELP),
        ("man/rpcinfo.8", rpcinfo::cli::HELP),
        ("man/rpcping.8", rpcping::cli::HELP),
    ] {
        let entries = entries(&portmapper(page), "Fl").into_iter();
        let entries: BTreeSet<_> = entries.map(|option| format!("-{option}")).collect();
        assert_eq!(entries, options(help), "{page}");
    }
}

#[test]
fn every_setting_has_its_entry_in_the_manual_and_every_entry_is_a_setting() {
    let sample = portmapper("rpcbind.toml");
    let lines = sample.lines().filter_map(|line| line.strip_prefix('#'));
    let settings = lines.filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()));
    let is_name = |name: &String| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let settings: BTreeSet<_> = settings.filter(is_name).collect();
    let page = "man/rpcbind.toml.5";
    assert_eq!(entries(&portmapper(page), "Cm"), settings, "{page}");
}

#[test]
fn bash_offers_every_option_and_no_other() {
    for (command, folder, help) in COMMANDS {
        let script = completion(folder, &format!("{command}.bash"));
        let line = format!(
            "source '{}' && _{command} {command} - {command} && printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display()
        );
        let output = Command::new("bash").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let offered = String::from_utf8(output.stdout).unwrap();
        let offered: BTreeSet<_> = offered.lines().map(str::to_owned).collect();
        assert_eq!(offered, options(help), "{command}");
    }
}

#[test]
fn zsh_offers_every_option_and_no_other() {
    for (command, folder, help) in COMMANDS {
        let text = fs::read_to_string(completion(folder, &format!("_{command}"))).unwrap();
        let specs = text.lines().filter_map(|line| {
            let spec = line.trim().strip_prefix('\'')?;
            let spec = spec.trim_start_matches("(- *)").trim_start_matches('*');
            let option = spec.split(['[', '=']).next()?.replace('\\', "");
            option.starts_with('-').then_some(option)
        });
        assert_eq!(specs.collect::<BTreeSet<_>>(), options(help), "{command}");
    }
}

#[test]
fn fish_offers_every_option_and_no_other() {
    for (command, folder, help) in COMMANDS {
        let text = fs::read_to_string(completion(folder, &format!("{command}.fish"))).unwrap();
        let start = format!("complete -c {command} -");
        let lines = text.lines().filter_map(|line| line.strip_prefix(&start));
        let offered = lines.filter_map(|line| {
            let mut words = line.split(' ');
            let dashes = match words.next()? {
                "s" | "o" => "-",
                "l" => "--",
                _ => return None,
            };
            Some(format!("{dashes}{}", words.next()?.trim_matches('\'')))
        });
        assert_eq!(offered.collect::<BTreeSet<_>>(), options(help), "{command}");
    }
}

/// The options that a help text names.
fn options(help: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '?');
    let words = help.split(|c: char| !is_part(c));
    let is_option = |word: &&str| match word.strip_prefix("--") {
        Some(name) => !name.is_empty(),
        // A number is what an option may be given.
        None => word.strip_prefix('-').is_some_and(|letter| {
            letter != "1" && (letter.len() == 1 || letter.len() == 2 && letter.starts_with('S'))
        }),
    };
    words.filter(is_option).map(str::to_owned).collect()
}

/// What a page in mdoc has entries for, by this macro.
fn entries(page: &str, of: &str) -> BTreeSet<String> {
    let start = format!(".It {of} ");
    let lines = page.lines().filter_map(|line| line.strip_prefix(&start));
    let words = lines.flat_map(|line| line.split(' ').take_while(|word| *word != "Ar"));
    words
        .filter(|word| *word != ",")
        .map(str::to_owned)
        .collect()
}

fn portmapper(path: &str) -> String {
    let path = root().join("portmapper").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn completion(folder: &str, file: &str) -> PathBuf {
    root().join(folder).join("completions").join(file)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
