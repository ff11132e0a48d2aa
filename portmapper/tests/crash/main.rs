//! What is left of the registrations when the daemon dies, the power goes, a disk refuses or a file is damaged.
//!
//! The daemon's keeper works on a disk in memory, which writes down what it is asked: so each moment of a commit can be
//! looked at. CI tries a sample; `make crash` (`ONCRPC_CRASH=full`) has the full figures, which each test prints.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

mod daemon;
mod damage;
mod deaths;
mod disk;
mod images;
#[path = "../instance/mod.rs"]
mod instance;
#[path = "../numbers/mod.rs"]
mod numbers;
mod paths;
mod refusals;
mod releases;
