//! State files and directories that others may have made: they are refused, that is said, and services are found all the
//! same.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use crate::instance::Place;

/// A user who is neither root nor the daemon.
const STRANGER: u32 = 4711;

/// What somebody does to a file or a directory, and what the daemon says of it.
type Trick = (&'static str, fn(&Path), &'static str);

fn elsewhere(path: &Path) -> std::path::PathBuf {
    path.with_file_name("elsewhere")
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn give_away(path: &Path, mode: u32) {
    chown(path, Some(STRANGER), Some(STRANGER)).unwrap();
    set_mode(path, mode);
}

const WITH_FILES: [Trick; 7] = [
    (
        "a symbolic link",
        |file| {
            fs::rename(file, elsewhere(file)).unwrap();
            symlink(elsewhere(file), file).unwrap();
        },
        "Too many levels of symbolic links",
    ),
    (
        "a hard link",
        |file| fs::hard_link(file, elsewhere(file)).unwrap(),
        "it has 2 names, expected one",
    ),
    (
        "a pipe",
        |file| {
            fs::remove_file(file).unwrap();
            mkfifo(file, Mode::S_IRWXU).unwrap();
            set_mode(file, 0o666);
        },
        "it is not a file",
    ),
    (
        "a socket",
        |file| {
            fs::remove_file(file).unwrap();
            drop(UnixListener::bind(file).unwrap());
            set_mode(file, 0o666);
        },
        "No such device or address",
    ),
    (
        "a directory",
        |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
            set_mode(file, 0o777);
        },
        "it is not a file",
    ),
    (
        "a file that all can write",
        |file| set_mode(file, 0o666),
        "its mode is 0666, expected 0600",
    ),
    (
        "a file of somebody else's",
        |file| give_away(file, 0o644),
        "it belongs to user 4711",
    ),
];

const WITH_DIRECTORIES: [Trick; 4] = [
    (
        "a directory that all can write in",
        |directory| set_mode(directory, 0o777),
        "its mode is 0777: others can write in it",
    ),
    (
        "a directory of somebody else's",
        |directory| give_away(directory, 0o755),
        "it belongs to user 4711",
    ),
    (
        "a link to a directory that all can write in",
        |directory| {
            fs::rename(directory, elsewhere(directory)).unwrap();
            symlink(elsewhere(directory), directory).unwrap();
            set_mode(directory, 0o777);
        },
        "its mode is 0777: others can write in it",
    ),
    (
        "a file in the place of a directory",
        |directory| {
            fs::remove_dir_all(directory).unwrap();
            fs::write(directory, "").unwrap();
        },
        "it is not a directory",
    ),
];

fn can_play(trick: &Trick) -> bool {
    let can = geteuid().is_root() || !trick.0.contains("somebody else");
    if !can {
        eprintln!("not run: {}, which takes root", trick.0);
    }
    can
}

/// Starts an instance, registers, plays a trick with what it leaves, and starts another; gives back how often its log
/// says what is wrong, when it starts and after more was registered.
fn refused(place: &Place, end: Signal, name: &str, (what, trick, reason): Trick) -> [usize; 2] {
    let instance = place.start(&[]);
    instance.set(400_001);
    instance.end(end);
    trick(&place.path.join(name));
    let (instance, log) = place.start_logged(&[]);
    assert_eq!(
        instance.lists(400_001),
        name == "state/rpcbind.xdr",
        "{what}"
    );
    let said = || {
        let log = fs::read_to_string(&log).unwrap();
        assert!(log.contains(reason), "{what}: {log}");
        log.lines().filter(|line| line.contains("state")).count()
    };
    let before = said();
    for program in 400_002..400_005 {
        instance.set(program);
        assert!(instance.lists(program));
    }
    [before, said()]
}

#[test]
fn a_journal_that_others_may_have_written_is_refused_once_and_set_aside() {
    for trick in WITH_FILES.into_iter().filter(can_play) {
        let place = Place::new("path-journal");
        let said = refused(&place, Signal::SIGKILL, "state/journal", trick);
        assert_eq!(said, [1; 2], "{}", trick.0);
        assert!(
            place
                .path
                .join("state/journal.bad")
                .symlink_metadata()
                .is_ok()
        );
        let (instance, _) = place.start_logged(&[]);
        assert!(instance.lists(400_004), "{}", trick.0);
        assert!(!instance.lists(400_001));
    }
}

#[test]
fn a_file_of_rpcbinds_own_that_others_may_have_written_is_refused_once_and_the_journal_counts() {
    for trick in WITH_FILES.into_iter().filter(can_play) {
        let place = Place::new("path-rpcbind");
        let said = refused(&place, Signal::SIGTERM, "state/rpcbind.xdr", trick);
        assert_eq!(said, [1; 2], "{}", trick.0);
        let (instance, _) = place.start_logged(&[]);
        assert!(instance.lists(400_001) && instance.lists(400_004));
    }
}

#[test]
fn in_a_directory_that_others_can_write_in_nothing_is_read_and_nothing_kept() {
    for trick in WITH_DIRECTORIES.into_iter().filter(can_play) {
        let place = Place::new("path-directory");
        let said = refused(&place, Signal::SIGKILL, "state", trick);
        // Where there is no directory at all, there is no --status either.
        let without = trick.0.starts_with("a directory of") || trick.0.starts_with("a file");
        assert_eq!(said, [if without { 2 } else { 1 }; 2], "{}", trick.0);
        let (instance, _) = place.start_logged(&[]);
        assert!(!instance.lists(400_001) && !instance.lists(400_004));
    }
}

#[test]
fn what_is_in_the_way_of_a_new_journal_is_neither_followed_nor_waited_for() {
    for trick in &WITH_FILES[..4] {
        let place = Place::new("path-new");
        let instance = place.start(&[]);
        instance.set(400_001);
        instance.end(Signal::SIGKILL);
        let precious = place.path.join("state/journal.new");
        fs::write(&precious, "precious").unwrap();
        trick.1(&precious);
        let (instance, log) = place.start_logged(&[]);
        assert!(instance.lists(400_001), "{}", trick.0);
        assert_eq!(fs::read_to_string(log).unwrap(), "", "{}", trick.0);
        if let Ok(kept) = fs::read(elsewhere(&precious)) {
            assert_eq!(kept, b"precious", "{}", trick.0);
        }
    }
}
