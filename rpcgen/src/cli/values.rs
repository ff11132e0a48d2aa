//! What may stand behind an option.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use oncrpc_rpcgen::options::{Enums, Lists, Naming, Opaque, Serde, Strings};
use oncrpc_rpcgen::samples::{Idle, Transport};

use super::job::Sample;

/// How errors and warnings look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// With the lines that they are about.
    Human,
    /// One line each.
    Short,
}

/// One of a few words.
fn one_of<T: Copy + Send + Sync>(
    words: &'static [(&'static str, T)],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words.iter().map(|(word, _)| *word)).map(|found| {
        let of_word = words.iter().find(|(word, _)| *word == found);
        // INVARIANT: the parser before lets these words pass, and no others.
        #[expect(clippy::expect_used, reason = "the word is in the table")]
        of_word.map(|(_, value)| *value).expect("a listed word")
    })
}

pub(super) fn sample() -> impl TypedValueParser<Value = Sample> {
    one_of(&[
        ("s", Sample::Service),
        ("c", Sample::Client),
        ("m", Sample::Manifest),
    ])
}

pub(super) fn transport() -> impl TypedValueParser<Value = Transport> {
    one_of(&[
        ("tcp", Transport::Tcp),
        ("udp", Transport::Udp),
        ("tcp6", Transport::Tcp6),
        ("udp6", Transport::Udp6),
        ("local", Transport::Local),
        ("unix", Transport::Local),
    ])
}

pub(super) fn format() -> impl TypedValueParser<Value = Format> {
    one_of(&[("human", Format::Human), ("short", Format::Short)])
}

pub(super) fn naming() -> impl TypedValueParser<Value = Naming> {
    one_of(&[("rust", Naming::Rust), ("c", Naming::C)])
}

pub(super) fn strings() -> impl TypedValueParser<Value = Strings> {
    one_of(&[
        ("xdr", Strings::Xdr),
        ("utf8", Strings::Utf8),
        ("bytes", Strings::Bytes),
    ])
}

pub(super) fn opaque() -> impl TypedValueParser<Value = Opaque> {
    one_of(&[("bytes", Opaque::Bytes), ("vec", Opaque::Vec)])
}

pub(super) fn enums() -> impl TypedValueParser<Value = Enums> {
    one_of(&[
        ("open", Enums::Open),
        ("closed", Enums::Closed),
        ("newtype", Enums::Newtype),
    ])
}

pub(super) fn lists() -> impl TypedValueParser<Value = Lists> {
    one_of(&[("vec", Lists::Vec), ("box", Lists::Box)])
}

/// `SECONDS`, or -1 for a server that stays.
pub(super) fn idle(text: &str) -> Result<Idle, String> {
    match text.parse() {
        Ok(seconds) => Ok(Idle::After(Duration::from_secs(seconds))),
        Err(_) if text == "-1" => Ok(Idle::Never),
        Err(_) => Err("a number of seconds, or -1 for never".to_owned()),
    }
}

/// How many elements of an array are so many that C is written inline: of no account here.
pub(super) fn size(text: &str) -> Result<u32, String> {
    let number = text.parse();
    number.map_err(|_| "not a number of elements".to_owned())
}

/// `NAME` or `NAME=VALUE`
pub(super) fn define(text: &str) -> Result<(String, Option<String>), String> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    Ok((name_of(name)?, value))
}

/// `NAME=PATH`
pub(super) fn extern_type(text: &str) -> Result<(String, String), String> {
    let (name, path) = text
        .split_once('=')
        .ok_or("expected NAME=PATH, the type's name and the path of the Rust type that it is")?;
    Ok((name_of(name)?, rust_path(path)?))
}

/// `TYPE.FIELD=N` or `TYPEDEF=N`
pub(super) fn bound(text: &str) -> Result<(String, u32), String> {
    let (place, bound) = text
        .split_once('=')
        .ok_or("expected TYPE.FIELD=N or TYPEDEF=N")?;
    for name in place.splitn(2, '.') {
        name_of(name)?;
    }
    let bound = bound
        .parse()
        .map_err(|_| format!("a bound is a number up to {}, found {bound:?}", u32::MAX))?;
    Ok((place.to_owned(), bound))
}

/// `--serde`, or `--serde=FEATURE`
pub(super) fn serde(feature: &str) -> Result<Serde, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '.');
    match feature {
        "" => Ok(Serde::On),
        _ if feature.chars().all(legal) => Ok(Serde::Feature(feature.to_owned())),
        _ => Err("not the name of a feature".to_owned()),
    }
}

/// `path::to::Something`
pub(super) fn rust_path(text: &str) -> Result<String, String> {
    let names = text.strip_prefix("::").unwrap_or(text).split("::");
    for name in names {
        name_of(name).map_err(|_| format!("not a Rust path: {text:?}"))?;
    }
    Ok(text.to_owned())
}

/// A name of C.
fn name_of(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match text.chars().next() {
        None => Err("no name before the `=`".to_owned()),
        Some(first) if first.is_ascii_digit() || !text.chars().all(legal) => {
            Err(format!("not a name: {text:?}"))
        }
        Some(_) => Ok(text.to_owned()),
    }
}
