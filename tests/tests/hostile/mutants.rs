//! Each hazard catches its mutant: without the check that it guards, some message of it comes to something else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Place, Process};
use crate::suite::cases::{self, Case};
use crate::suite::every::EVERY;
use crate::suite::hazard::{self, Guard, Hazard};
use crate::suite::portmapper::PORTMAPPER;
use crate::suite::run::Run;
use crate::suite::server::Server;

#[test]
#[ignore = "builds this workspace once for each mutant: minutes; `make hostile-mutants`"]
fn each_hazard_catches_its_mutant() {
    let copy = Copy::new();
    let mut hazards: Vec<&Hazard> = hazard::all().collect();
    hazards.sort_by_key(|hazard| key(&hazard.guards));
    let mut survived = Vec::new();
    for group in hazards.chunk_by(|one, other| key(&one.guards) == key(&other.guards)) {
        let mutant = copy.mutate(&group[0].guards);
        for hazard in group {
            let caught = mutant.catches(hazard);
            println!(
                "{}: {}",
                hazard.name,
                caught.as_deref().unwrap_or("SURVIVED")
            );
            if caught.is_none() {
                survived.push(hazard.name);
            }
        }
    }
    assert!(
        survived.is_empty(),
        "no message catches the mutants of {survived:?}"
    );
}

fn key(guard: &Guard) -> [&'static str; 3] {
    [guard.file, guard.code, guard.mutant]
}

/// A copy of this workspace, to be mutated and built.
struct Copy {
    root: PathBuf,
}

/// The programs of a mutant, whose file becomes what it was.
struct Mutant<'a> {
    copy: &'a Copy,
    file: PathBuf,
    original: String,
}

impl Copy {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants");
        let _ = fs::remove_dir_all(root.join("workspace"));
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
            &root.join("workspace"),
        );
        Self { root }
    }

    fn mutate(&self, guard: &Guard) -> Mutant<'_> {
        let file = self.root.join("workspace").join(guard.file);
        let original = fs::read_to_string(&file).unwrap();
        fs::write(&file, original.replacen(guard.code, guard.mutant, 1)).unwrap();
        let mutant = Mutant {
            copy: self,
            file,
            original,
        };
        let built = Command::new(env!("CARGO"))
            .current_dir(self.root.join("workspace"))
            .args([
                "build",
                "--quiet",
                "--offline",
                "--package",
                "oncrpc-tests",
                "--bins",
            ])
            .env("CARGO_TARGET_DIR", self.root.join("target"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        assert!(built.status.success(), "{}: {said}", guard.mutant);
        mutant
    }

    fn program(&self, name: &str) -> PathBuf {
        self.root.join("target/debug").join(name)
    }
}

impl Mutant<'_> {
    /// A message of the hazard that the mutant answers wrongly.
    fn catches(&self, hazard: &Hazard) -> Option<String> {
        let place = Place::new("mutant-rpcbind");
        let process = place.start_rpcbind(&self.copy.program("hostile-rpcbind"));
        let caught = first_wrong(&process, &place.server(&PORTMAPPER), hazard);
        caught.or_else(|| {
            let place = Place::new("mutant-every");
            let process = place.start_every(&self.copy.program("hostile-every"));
            first_wrong(&process, &place.server(&EVERY), hazard)
        })
    }
}

impl Drop for Mutant<'_> {
    fn drop(&mut self) {
        fs::write(&self.file, &self.original).unwrap();
    }
}

/// The first message of the hazard that a server answers wrongly, by whatever way.
fn first_wrong(_process: &Process, server: &Server, hazard: &Hazard) -> Option<String> {
    let mut cases = cases::of(server.program);
    cases.retain(|case| case.hazard.name == hazard.name);
    let mut transports = server.transports();
    transports.find_map(|transport| {
        let mut run = Run::new(server, transport).unwrap();
        let is_wrong = |case: &&Case| run.send(case).is_some_and(|seen| seen.wrong.is_some());
        let case = cases.iter().find(is_wrong)?;
        Some(format!("{} by {transport:?}", case.name))
    })
}

/// Copies a directory but for what is hidden and what cargo makes.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == "target" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let to = to.join(&name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
