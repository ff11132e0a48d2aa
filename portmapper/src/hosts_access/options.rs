//! What stands behind the clients of a rule: hosts_options(5).
//!
//! What decides is decided. Commands are not run, and a daemon that everybody shares changes neither its user
//! nor its limits for one caller; each of these is said once, when the file is read.

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Permit,
    Deny,
}

/// How an option takes a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Needed,
    Optional,
    None,
}

use Value::{Needed, Optional};

/// What options say: the verdict, or that the file decides. As in libwrap a rule denies if it cannot be understood.
pub(super) fn verdict(text: &str, complain: &mut dyn FnMut(String)) -> Option<Verdict> {
    let fields = fields(text);
    for (at, field) in fields.iter().enumerate() {
        let is_last = at + 1 == fields.len();
        match option(field, is_last) {
            Ok(Effect::Decides(verdict)) => return Some(verdict),
            Ok(Effect::None) => {}
            Ok(Effect::NotDone(name)) => complain(format!("option {name} is not carried out")),
            Err(reason) => {
                complain(format!("denies: {reason}"));
                return Some(Verdict::Deny);
            }
        }
    }
    None
}

enum Effect<'a> {
    Decides(Verdict),
    NotDone(&'a str),
    None,
}

fn option(field: &str, is_last: bool) -> Result<Effect<'_>, String> {
    let blank = [' ', '\t', '\r', '\n'];
    let field = field.trim_matches(blank);
    let end = field.find([' ', '\t', '\r', '\n', '=']);
    let (name, rest) = field.split_at(end.unwrap_or(field.len()));
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let value = rest.trim_start_matches(blank);
    if name.is_empty() {
        return Err("an option without a name".to_owned());
    }
    let known = name.to_ascii_lowercase();
    let (takes, needs_last) = match &*known {
        "user" | "group" | "umask" | "linger" | "spawn" | "setenv" | "severity" | "banners"
        | "aclexec" => (Needed, false),
        "twist" => (Needed, true),
        "nice" | "rfc931" => (Optional, false),
        "keepalive" => (Value::None, false),
        "allow" | "deny" => (Value::None, true),
        _ => return Err(format!("no option is called {name}")),
    };
    match takes {
        Needed if value.is_empty() => return Err(format!("option {name} needs a value")),
        Value::None if !value.is_empty() => return Err(format!("option {name} takes no value")),
        _ if needs_last && !is_last => return Err(format!("option {name} must be the last")),
        _ => {}
    }
    let bad = || Err(format!("option {name} cannot be {value}"));
    match &*known {
        "allow" => Ok(Effect::Decides(Verdict::Permit)),
        "deny" => Ok(Effect::Decides(Verdict::Deny)),
        // It would take the place of the daemon; libwrap denies as well.
        "twist" => Err(format!("option {name} cannot be carried out")),
        // Its command would decide; it is not asked.
        "aclexec" => Err("option aclexec is not carried out".to_owned()),
        "umask" if !value.bytes().all(|byte| matches!(byte, b'0'..=b'7')) => bad(),
        "severity" if !is_severity(value) => bad(),
        "spawn" | "banners" | "setenv" | "user" | "group" => Ok(Effect::NotDone(name)),
        _ => Ok(Effect::None),
    }
}

/// The fields between colons; one behind a backslash is no colon.
fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, fields.last_mut()) {
            (':', _) => fields.push(String::new()),
            ('\\', Some(field)) if characters.next_if_eq(&':').is_some() => field.push(':'),
            (character, Some(field)) => field.push(character),
            (_, None) => {}
        }
    }
    fields
}

/// `auth.info`, `notice`
fn is_severity(value: &str) -> bool {
    let level = match value.split_once('.') {
        Some((facility, level)) if FACILITIES.contains(&facility) => level,
        Some(_) => return false,
        None => value,
    };
    LEVELS.contains(&level)
}

const FACILITIES: &[&str] = &[
    "kern", "user", "mail", "daemon", "auth", "authpriv", "syslog", "lpr", "news", "uucp", "cron",
    "ftp", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];
const LEVELS: &[&str] = &[
    "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Option<Verdict>, Vec<String>) {
        let mut complaints = Vec::new();
        let verdict = verdict(text, &mut |reason| complaints.push(reason));
        (verdict, complaints)
    }

    #[test]
    fn allow_and_deny_decide() {
        let (permit, deny) = (Some(Verdict::Permit), Some(Verdict::Deny));
        for (options, verdict) in [
            (" ALLOW\r", permit),
            ("deny", deny),
            ("severity auth.info: allow", permit),
            ("nice 5 : umask 022", None),
            ("nice: keepalive: linger 5: rfc931 5", None),
        ] {
            assert_eq!(said(options), (verdict, Vec::new()), "{options}");
        }
    }

    #[test]
    fn what_is_not_done_is_said() {
        let (verdict, complaints) = said("spawn (echo %h \\: x) : banners /x : allow");
        assert_eq!(verdict, Some(Verdict::Permit));
        let expected = [
            "option spawn is not carried out",
            "option banners is not carried out",
        ];
        assert_eq!(complaints, expected);
    }

    #[test]
    fn what_cannot_be_understood_denies() {
        for (options, reason) in [
            ("", "denies: an option without a name"),
            ("allow:", "denies: option allow must be the last"),
            ("bogus", "denies: no option is called bogus"),
            ("allow # x", "denies: option allow takes no value"),
            ("keepalive = 1", "denies: option keepalive takes no value"),
            ("umask", "denies: option umask needs a value"),
            ("umask 9", "denies: option umask cannot be 9"),
            (
                "severity x.info",
                "denies: option severity cannot be x.info",
            ),
            ("deny: allow", "denies: option deny must be the last"),
            ("twist x", "denies: option twist cannot be carried out"),
            ("aclexec x", "denies: option aclexec is not carried out"),
        ] {
            let expected = (Some(Verdict::Deny), vec![reason.to_owned()]);
            assert_eq!(said(options), expected, "{options}");
        }
    }
}
