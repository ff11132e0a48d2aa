//! Doing what was asked for: the one place of the command that touches inputs and outputs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::{self, Component, Path, PathBuf};

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::fmt::tidy;
use oncrpc_rpcgen::ir::Unit;
use oncrpc_rpcgen::samples::{Package, Samples, Serving};
use oncrpc_rpcgen::{Generated, Input, Translation, translate_all, understand};

use super::job::{Job, Make, Output, STDIN, Sample};
use super::output::{self, File};
use super::values::Format;

/// Does it; an error is what to tell the user.
pub(super) fn run(job: &Job) -> Result<(), String> {
    let inputs = read(&job.inputs)?;
    match &job.make {
        Make::Check => job.told(understand(&inputs, &job.reading)?).map(drop),
        Make::Sample(Sample::Manifest) => {
            let manifest = job.package()?.manifest(&Serving::default());
            job.write_text(manifest)?;
            job.tell_of_the_registry();
            Ok(())
        }
        Make::Files => {
            let translation = job.translated(&inputs)?;
            job.write_files(generated(&translation))
        }
        Make::Part(_) => {
            let translation = job.translated(&inputs)?;
            job.write_text(generated(&translation)[0].rust.clone())
        }
        Make::Sample(Sample::Service) => job.write_sample(&inputs, Samples::service),
        Make::Sample(Sample::Client) => job.write_sample(&inputs, Samples::client),
        Make::Main(serving) => job.write_sample(&inputs, |samples| samples.main(serving)),
        Make::Crate(serving) => job.write_crate(&inputs, serving),
        Make::Tidy => job.write_text(job.tidied(&inputs)?),
    }
}

impl Job {
    /// Translates the inputs and tells what is wrong with them.
    fn translated(&self, inputs: &[Input]) -> Result<Translation, String> {
        self.told(translate_all(inputs, &self.reading, &self.options)?)
    }

    /// Tells what is wrong with the inputs; an error if that leaves nothing to be written.
    fn told(&self, translation: Translation) -> Result<Translation, String> {
        self.tell(&translation.render(self.style()));
        if translation.unit().is_some() {
            return Ok(translation);
        }
        let errors = translation.errors();
        let s = if errors == 1 { "" } else { "s" };
        Err(format!("rpcgen: {errors} error{s}, nothing is written"))
    }

    /// Shows what has been rendered in the job's style.
    fn tell(&self, rendered: &str) {
        let rendered = rendered.trim_end();
        match self.format {
            _ if rendered.is_empty() => {}
            Format::Short => eprintln!("{rendered}"),
            Format::Human => eprintln!("{rendered}\n"),
        }
    }

    fn style(&self) -> Style {
        match self.format {
            Format::Short => Style::Short,
            Format::Human if io::stderr().is_terminal() => Style::Coloured,
            Format::Human => Style::Plain,
        }
    }

    /// All inputs tidied, one behind the other; tells of those that cannot be.
    fn tidied(&self, inputs: &[Input]) -> Result<String, String> {
        let mut texts = String::new();
        let mut refused = false;
        for input in inputs {
            match tidy(&input.name, &input.text) {
                Ok(text) => texts += &text,
                Err(why) => {
                    self.tell(&why.render(self.style()));
                    refused = true;
                }
            }
        }
        match refused {
            false => Ok(texts),
            true => Err("rpcgen: nothing is written".to_owned()),
        }
    }

    /// Writes the Rust of each input: beside it, unless another place is named.
    fn write_files(&self, files: &[Generated]) -> Result<(), String> {
        let named = files.iter().zip(&self.inputs).map(|(file, input)| {
            let name = input.with_extension("rs");
            File::new(name, file.rust.clone())
        });
        let from_stdin = self.inputs[0] == Path::new(STDIN);
        match (&self.output, files) {
            (Output::Folder(folder), _) => {
                let named = named.map(File::without_folder);
                output::write_into(folder, named.collect(), self.force)
            }
            (Output::Default, _) if !from_stdin => {
                output::write(&named.collect::<Vec<_>>(), self.force)
            }
            (_, files) => self.write_text(files[0].rust.clone()),
        }
    }

    /// Writes the only text that there is.
    fn write_text(&self, text: String) -> Result<(), String> {
        match &self.output {
            Output::File(path) => output::write(&[File::new(path.clone(), text)], self.force),
            Output::Default | Output::Stdout | Output::Folder(_) => output::print(&text),
        }
    }

    fn write_sample(
        &self,
        inputs: &[Input],
        write: impl FnOnce(&Samples) -> String,
    ) -> Result<(), String> {
        let translation = self.translated(inputs)?;
        let package = self.package()?;
        let samples = self.samples(&package, &translation)?;
        self.write_text(write(&samples))
    }

    /// Writes a crate with the inputs, and what they include from beside them.
    fn write_crate(&self, inputs: &[Input], serving: &Serving) -> Result<(), String> {
        let translation = self.translated(inputs)?;
        let package = self.package()?;
        let samples = self.samples(&package, &translation)?;
        let folder = match &self.output {
            Output::Folder(folder) => folder.clone(),
            _ => self.inputs[0].with_file_name(package.name()),
        };
        let written = package.contents(&samples, serving).into_iter();
        let mut files: Vec<_> = written.map(|(path, text)| File::new(path, text)).collect();
        for (name, path) in self.sources(&translation) {
            // In its own folder a file stays as it is.
            let is_there = fs::canonicalize(folder.join(&name))
                .is_ok_and(|there| fs::canonicalize(path).is_ok_and(|path| path == there));
            if is_there {
                continue;
            }
            let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
            files.push(File::new(name, bytes));
        }
        output::write_into(&folder, files, self.force)?;
        self.tell_of_the_registry();
        Ok(())
    }

    /// Tells where the manifest that was written takes our packages from, unless that was said.
    fn tell_of_the_registry(&self) {
        if self.oncrpc_path.is_none() {
            eprintln!(
                "rpcgen: Cargo.toml takes the packages of oncrpc from the registry; \
                 as long as they are in none, name a checkout by --oncrpc-path DIR"
            );
        }
    }

    /// The inputs and what they include from below their folder, by the names that they have in a crate.
    fn sources<'a>(&'a self, translation: &'a Translation) -> BTreeMap<PathBuf, &'a Path> {
        let beside = self.inputs[0].parent().unwrap_or(Path::new(""));
        let included = translation.included().iter().filter_map(|path| {
            let name = path.strip_prefix(beside).ok()?;
            let is_below = name
                .components()
                .all(|part| matches!(part, Component::Normal(_)));
            is_below.then(|| (name.to_owned(), path.as_path()))
        });
        let given = self.inputs.iter().map(|path| {
            let name = path.file_name().unwrap_or_default();
            (name.into(), path.as_path())
        });
        included.chain(given).collect()
    }

    fn package(&self) -> Result<Package, String> {
        // A build script runs in the folder of its crate.
        let whole = |path: &Path| path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut reading = self.reading.clone();
        for folder in &mut reading.include {
            *folder = whole(folder);
        }
        let named = self
            .inputs
            .iter()
            .map(|input| match input == Path::new(STDIN) {
                true => Path::new("protocol.x"),
                false => input,
            });
        let package = Package::new(&named.collect::<Vec<_>>(), &reading, &self.options);
        match &self.oncrpc_path {
            Some(path) => Ok(package.oncrpc_path(checkout(path)?)),
            None => Ok(package),
        }
    }

    fn samples(&self, package: &Package, translation: &Translation) -> Result<Samples, String> {
        let nothing = Unit::default();
        let samples = Samples::new(package, translation.unit().unwrap_or(&nothing));
        samples.map_err(|why| format!("{}: {why}", package.files()))
    }
}

/// The checkout of our repository that is at this path, by the path that it has for everybody.
fn checkout(path: &Path) -> Result<PathBuf, String> {
    let whole = fs::canonicalize(path).ok();
    let is_ours = |whole: &PathBuf| whole.join("rpcgen/Cargo.toml").is_file();
    whole.filter(is_ours).ok_or_else(|| {
        let path = path.display();
        format!("--oncrpc-path {path}: there is no checkout of oncrpc")
    })
}

/// The Rust of a translation that has no errors.
fn generated(translation: &Translation) -> &[Generated] {
    translation.files().unwrap_or_default()
}

/// Reads all inputs; an error names each that cannot be read.
fn read(paths: &[PathBuf]) -> Result<Vec<Input>, String> {
    let mut inputs = Vec::new();
    let mut failed = Vec::new();
    for path in paths {
        match input(path) {
            Ok(input) => inputs.push(input),
            Err(error) => failed.push(error),
        }
    }
    if failed.is_empty() {
        Ok(inputs)
    } else {
        Err(failed.join("\n"))
    }
}

fn input(path: &Path) -> Result<Input, String> {
    let (name, text) = if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        let read = io::stdin().read_to_end(&mut bytes);
        let text = read.map(|_| String::from_utf8_lossy(&bytes).into_owned());
        ("<stdin>".to_owned(), text)
    } else {
        (
            path.to_string_lossy().into_owned(),
            oncrpc_rpcgen::read(path),
        )
    };
    match text {
        Ok(text) => Ok(Input { name, text }),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
