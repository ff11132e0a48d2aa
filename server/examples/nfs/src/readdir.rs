//! READDIR and READDIRPLUS: a page of a directory at a time.

use oncrpc_xdr::{Encode, XdrString};

use crate::nfs3::{Dirlist3, Dirlistplus3, Entry3, Entryplus3, Nfsstat3};
use crate::tree::{Listing, Node, Tree};

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Where the last page ended: a name's place in the listing; 0 for the first page.
    pub cookie: u64,
    /// The listing that the cookie is of.
    pub verifier: [u8; 8],
    /// Most bytes of names, numbers and cookies.
    pub names: u32,
    /// Most bytes of the whole result.
    pub whole: u32,
}

/// The entries of a page, and whether they are the last.
pub fn entries(tree: &Tree, dir: Node, page: Page) -> Result<(Dirlist3, [u8; 8]), Nfsstat3> {
    let listing = tree.list(dir)?;
    let mut left = Room::of(page);
    let mut entries = Vec::new();
    for (name, cookie) in names(&listing, page)? {
        let Some(fileid) = fileid(tree, dir, name) else {
            continue;
        };
        let entry = Entry3 {
            fileid,
            name: XdrString::from(name),
            cookie,
        };
        if !left.take(entry.encoded_len(), entry.encoded_len()) {
            return left
                .page(entries, false)
                .map(|(entries, eof)| (Dirlist3 { entries, eof }, listing.verifier));
        }
        entries.push(entry);
    }
    Ok((Dirlist3 { entries, eof: true }, listing.verifier))
}

/// The same with attributes and handles.
pub fn entries_plus(
    tree: &Tree,
    dir: Node,
    page: Page,
) -> Result<(Dirlistplus3, [u8; 8]), Nfsstat3> {
    let listing = tree.list(dir)?;
    let mut left = Room::of(page);
    let mut entries = Vec::new();
    for (name, cookie) in names(&listing, page)? {
        // What has gone since the directory was listed is left out.
        let Ok(node) = tree.lookup(dir, name) else {
            continue;
        };
        let Ok(attributes) = tree.attributes(node) else {
            continue;
        };
        let plain = Entry3 {
            fileid: attributes.fileid,
            name: XdrString::from(name),
            cookie,
        };
        let entry = Entryplus3 {
            fileid: plain.fileid,
            name: plain.name.clone(),
            cookie,
            name_attributes: Some(attributes),
            name_handle: Some(tree.handle(node)),
        };
        if !left.take(plain.encoded_len(), entry.encoded_len()) {
            return left
                .page(entries, false)
                .map(|(entries, eof)| (Dirlistplus3 { entries, eof }, listing.verifier));
        }
        entries.push(entry);
    }
    Ok((Dirlistplus3 { entries, eof: true }, listing.verifier))
}

/// The names behind the cookie, each with its own.
fn names(listing: &Listing, page: Page) -> Result<impl Iterator<Item = (&[u8], u64)>, Nfsstat3> {
    // A cookie of another listing would skip names, or tell some twice.
    if page.cookie != 0 && page.verifier != listing.verifier {
        return Err(Nfsstat3::ErrBadCookie);
    }
    let skipped = usize::try_from(page.cookie).unwrap_or(usize::MAX);
    let names = listing.names.iter().enumerate().skip(skipped);
    Ok(names.map(|(place, name)| (&name[..], place as u64 + 1)))
}

fn fileid(tree: &Tree, dir: Node, name: &[u8]) -> Option<u64> {
    let node = tree.lookup(dir, name).ok()?;
    Some(tree.attributes(node).ok()?.fileid)
}

/// Bytes that are left of a page.
struct Room {
    names: usize,
    whole: usize,
}

impl Room {
    fn of(page: Page) -> Self {
        Self {
            names: page.names as usize,
            whole: (page.whole.min(MAX_PAGE) as usize).saturating_sub(AROUND),
        }
    }

    /// Takes the room of an entry, if there is so much.
    fn take(&mut self, names: usize, whole: usize) -> bool {
        // Each entry has a word before it that says that it is there.
        let left = self
            .names
            .checked_sub(names)
            .zip(self.whole.checked_sub(whole + 4));
        let Some((names, whole)) = left else {
            return false;
        };
        (self.names, self.whole) = (names, whole);
        true
    }

    /// A page that is full: without an entry it was too small for any.
    fn page<T>(&self, entries: Vec<T>, eof: bool) -> Result<(Vec<T>, bool), Nfsstat3> {
        match entries.is_empty() {
            true => Err(Nfsstat3::ErrToosmall),
            false => Ok((entries, eof)),
        }
    }
}

/// Bytes around the entries: status, attributes, verifier, the end of the list and `eof`.
const AROUND: usize = 4 + 88 + 8 + 4 + 4;

/// Most bytes of a page, whatever is asked for.
const MAX_PAGE: u32 = 1 << 20;
