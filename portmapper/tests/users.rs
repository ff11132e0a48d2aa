//! Registrations by several users. Which one this process is changes for all of its threads, so there is one test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "others use more of it")]
mod instance;

use std::process::Command;

use instance::Place;
use nix::unistd::{Uid, geteuid, seteuid};
use serde_json::Value;

#[test]
fn several_users_register_and_each_is_told_apart() {
    if !geteuid().is_root() {
        eprintln!("not run: it takes root to be several users");
        return;
    }
    let place = Place::new("users");
    let instance = place.start(&[]);
    let users = [0, 1001, 1002];
    for uid in users {
        seteuid(Uid::from_raw(uid)).unwrap();
        instance.set(400_000 + uid);
        seteuid(Uid::from_raw(0)).unwrap();
    }
    let mut status = Command::new(env!("CARGO_BIN_EXE_rpcbind"));
    let state = place.path.join("state");
    let output = status
        .args(["--status", "--json", "--state-dir"])
        .arg(state);
    let status: Value = serde_json::from_slice(&output.output().unwrap().stdout).unwrap();
    let registrations = status["registrations"].as_array().unwrap();
    for uid in users {
        let program = 400_000 + uid;
        let row = registrations.iter().find(|row| row["program"] == program);
        let row = row.unwrap();
        assert_eq!(
            (&row["uid"], &row["pid"]),
            (&uid.into(), &std::process::id().into())
        );
        let owner = match uid {
            0 => "superuser".to_owned(),
            _ => uid.to_string(),
        };
        assert_eq!(row["owner"], owner);
    }
}
