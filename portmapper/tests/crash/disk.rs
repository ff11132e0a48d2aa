//! A disk in memory: it writes down what changes it, and refuses what it is told to refuse.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::unistd::{getegid, geteuid};
use oncrpc_portmapper::state::{Disk, Kind, OpenFile, Standing, StateDirectory};

/// What is on a disk.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The names, and the number of the file that each stands for.
    pub names: BTreeMap<PathBuf, usize>,
    /// All files that ever were, by their number.
    pub files: Vec<Vec<u8>>,
}

/// A system call that changes what is on a disk.
#[derive(Clone, Debug)]
pub enum Operation {
    Create(PathBuf),
    Write(usize, Vec<u8>),
    Cut(usize, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// Which system calls are refused, counted from now, and why.
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    pub at: usize,
    pub why: Errno,
    /// Not only this one, but all that follow.
    pub lasting: bool,
    /// A write takes half of what it is given before that.
    pub half: bool,
}

/// The disk; clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    image: Image,
    done: Vec<Operation>,
    asked: usize,
    refusal: Option<Refusal>,
}

#[derive(Debug)]
struct Handle {
    disk: Memory,
    number: usize,
    read: usize,
}

/// Where the state is, on every disk.
pub const STATE: &str = "/run/rpcbind";

impl Image {
    pub fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Create(path) => {
                self.names.insert(path.clone(), self.files.len());
                self.files.push(Vec::new());
            }
            Operation::Write(number, bytes) => self.files[*number].extend(bytes),
            Operation::Cut(number, len) => self.files[*number].truncate(*len),
            Operation::Rename(from, to) => {
                if let Some(number) = self.names.remove(from) {
                    self.names.insert(to.clone(), number);
                }
            }
            Operation::Remove(path) => {
                self.names.remove(path);
            }
        }
    }

    pub fn after(mut self, operations: &[Operation]) -> Self {
        for operation in operations {
            self.apply(operation);
        }
        self
    }

    /// With a file of this name that holds these bytes.
    pub fn with(mut self, name: &str, bytes: &[u8]) -> Self {
        self.names.insert(file(name), self.files.len());
        self.files.push(bytes.to_vec());
        self
    }

    /// What stands in the file of this name.
    pub fn read(&self, name: &str) -> &[u8] {
        self.get(name).unwrap()
    }

    /// What stands in the file of this name, if there is one.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        Some(&self.files[*self.names.get(&file(name))?])
    }
}

/// The path of a state file.
pub fn file(name: &str) -> PathBuf {
    Path::new(STATE).join(name)
}

impl Memory {
    pub fn holding(image: Image) -> Self {
        let books = Books {
            image,
            ..Books::default()
        };
        Self(Arc::new(Mutex::new(books)))
    }

    pub fn directory(&self) -> StateDirectory {
        StateDirectory::on(Arc::new(self.clone()), STATE)
    }

    pub fn image(&self) -> Image {
        self.books().image.clone()
    }

    /// How many operations were done.
    pub fn done(&self) -> usize {
        self.books().done.len()
    }

    /// What was done from there on.
    pub fn done_since(&self, from: usize) -> Vec<Operation> {
        self.books().done[from..].to_vec()
    }

    /// Refuses what this says from now on, and nothing else.
    pub fn refuse(&self, refusal: Option<Refusal>) {
        let mut books = self.books();
        books.asked = 0;
        books.refusal = refusal;
    }

    /// How often anything was asked since the last word about refusals.
    pub fn asked(&self) -> usize {
        self.books().asked
    }

    fn opened(&self, number: usize) -> Box<dyn OpenFile> {
        let disk = self.clone();
        Box::new(Handle {
            disk,
            number,
            read: 0,
        })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Counts a system call. If it is refused, it says why, and whether half of it is to be done before.
    fn ask(&mut self) -> Result<(), (Errno, bool)> {
        let now = self.asked;
        self.asked += 1;
        match self.refusal {
            Some(it) if now == it.at => Err((it.why, it.half)),
            Some(it) if now > it.at && it.lasting => Err((it.why, false)),
            _ => Ok(()),
        }
    }

    fn whole(&mut self) -> io::Result<()> {
        self.ask().map_err(|(why, _)| why.into())
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let number = self.image.names.get(path).copied();
        number.ok_or_else(|| Errno::ENOENT.into())
    }

    fn change(&mut self, operation: Operation) {
        self.image.apply(&operation);
        self.done.push(operation);
    }
}

/// What only we can have made.
fn ours(kind: Kind, len: usize) -> Standing {
    Standing {
        kind,
        owner: geteuid().as_raw(),
        group: getegid().as_raw(),
        mode: 0o600,
        names: 1,
        len: len as u64,
    }
}

impl Disk for Memory {
    fn standing(&self, path: &Path) -> io::Result<Standing> {
        self.books().whole()?;
        assert_eq!(path, Path::new(STATE));
        Ok(ours(Kind::Directory, 0))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut books = self.books();
        books.whole()?;
        Ok(self.opened(books.find(path)?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        self.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut books = self.books();
        books.whole()?;
        if books.find(path).is_ok() {
            return Err(Errno::EEXIST.into());
        }
        books.change(Operation::Create(path.to_owned()));
        Ok(self.opened(books.find(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut books = self.books();
        books.whole()?;
        books.find(from)?;
        books.change(Operation::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut books = self.books();
        books.whole()?;
        books.find(path)?;
        books.change(Operation::Remove(path.to_owned()));
        Ok(())
    }
}

impl Read for Handle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut books = self.disk.books();
        books.whole()?;
        let len = (&books.image.files[self.number][self.read..]).read(into)?;
        self.read += len;
        Ok(len)
    }
}

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut books = self.disk.books();
        let len = match books.ask() {
            Ok(()) => bytes.len(),
            Err((_, true)) if bytes.len() > 1 => bytes.len() / 2,
            Err((why, _)) => return Err(why.into()),
        };
        books.change(Operation::Write(self.number, bytes[..len].to_vec()));
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OpenFile for Handle {
    fn standing(&self) -> io::Result<Standing> {
        let mut books = self.disk.books();
        books.whole()?;
        Ok(ours(Kind::File, books.image.files[self.number].len()))
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut books = self.disk.books();
        books.whole()?;
        let len = usize::try_from(len).unwrap();
        books.change(Operation::Cut(self.number, len));
        Ok(())
    }
}
