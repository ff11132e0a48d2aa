//! The build script of a crate, which has rpcgen do again what it was asked for.

use std::fmt::{Debug, Write};

use super::package::quoted;
use super::{Package, fill};
use crate::options::{Options, Serde};

impl Package {
    /// `build.rs`
    pub fn build_script(&self) -> String {
        let inputs: Vec<_> = self.file_names().iter().map(|file| quoted(file)).collect();
        fill(
            include_str!("templates/build.rs.in"),
            &[
                ("files", &self.files()),
                ("config", &self.config()),
                ("inputs", &inputs.join(", ")),
            ],
        )
    }

    /// What the build script says of how to read the files and of what to make.
    fn config(&self) -> String {
        let mut config = String::new();
        let mut say = |what: String| {
            let _ = writeln!(config, "        .{what}");
        };
        if self.reading.sun {
            let new_style = self.reading.new_style;
            say(format!(
                "reading(oncrpc_rpcgen::Reading {{\n            sun: true,\n            new_style: {new_style},\n            \
                 ..oncrpc_rpcgen::Reading::default()\n        }})"
            ));
        }
        for dir in &self.reading.include {
            say(format!("include({})", quoted(&dir.to_string_lossy())));
        }
        for (name, value) in &self.reading.defines {
            let value = value.as_deref().unwrap_or("1");
            say(format!("define({}, {})", quoted(name), quoted(value)));
        }
        for (name, path) in &self.reading.extern_types {
            say(format!("extern_type({}, {})", quoted(name), quoted(path)));
        }
        for (place, bound) in &self.reading.bounds {
            say(format!("bound({}, {bound})", quoted(place)));
        }
        if let Some(cpp) = &self.reading.cpp {
            say(format!("cpp({})", quoted(&cpp.to_string_lossy())));
        }
        let options = options(&self.options);
        if !options.is_empty() {
            say(format!(
                "options(oncrpc_rpcgen::Options {{\n{options}            ..oncrpc_rpcgen::Options::default()\n        }})"
            ));
        }
        config
    }
}

/// The options that are not the default ones, as fields of an [`Options`].
fn options(options: &Options) -> String {
    let default = Options::default();
    let Options {
        naming,
        strings,
        opaque,
        enums,
        lists,
        serde,
        no_std,
        parts: _,
        derives,
    } = options;
    let mut fields = String::new();
    let mut field = |differs: bool, name: &str, value: String| {
        if differs {
            let _ = writeln!(fields, "            {name}: {value},");
        }
    };
    let of = |kind: &str, value: &dyn Debug| format!("oncrpc_rpcgen::options::{kind}::{value:?}");
    field(*naming != default.naming, "naming", of("Naming", naming));
    field(
        *strings != default.strings,
        "strings",
        of("Strings", strings),
    );
    field(*opaque != default.opaque, "opaque", of("Opaque", opaque));
    field(*enums != default.enums, "enums", of("Enums", enums));
    field(*lists != default.lists, "lists", of("Lists", lists));
    let serde_value = match serde {
        Serde::Feature(feature) => format!(
            "oncrpc_rpcgen::options::Serde::Feature({}.to_owned())",
            quoted(feature)
        ),
        Serde::Off | Serde::On => of("Serde", serde),
    };
    field(*serde != default.serde, "serde", serde_value);
    field(*no_std, "no_std", "true".to_owned());
    let paths: Vec<_> = derives
        .iter()
        .map(|path| format!("{}.to_owned()", quoted(path)))
        .collect();
    field(
        !paths.is_empty(),
        "derives",
        format!("vec![{}]", paths.join(", ")),
    );
    fields
}
