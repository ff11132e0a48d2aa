//! The manual pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{portmapper, success};

#[test]
fn groff_and_mandoc_have_nothing_to_say_about_the_pages() {
    for page in pages() {
        let mut groff = Command::new("groff");
        let said = success(groff.args(["-ww", "-z", "-mandoc", "-Tutf8"]).arg(&page));
        assert_eq!(said, "", "{}", page.display());
        let mut mandoc = Command::new("mandoc");
        let said = success(mandoc.args(["-Tlint", "-Wwarning"]).arg(&page));
        assert_eq!(said, "", "{}", page.display());
    }
}

fn pages() -> Vec<PathBuf> {
    let ours = fs::read_dir(portmapper("man")).unwrap();
    let mut pages: Vec<_> = ours.map(|entry| entry.unwrap().path()).collect();
    pages.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("../rpcgen/rpcgen.1"));
    pages
}
