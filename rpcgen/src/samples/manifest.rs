//! `-Sm`: the manifest of a crate.

use super::package::quoted;
use super::{Package, Serving, fill};
use crate::options::Serde;

impl Package {
    /// `Cargo.toml`, for a crate with the server that `serving` describes.
    pub fn manifest(&self, serving: &Serving) -> String {
        let mut dependencies = vec![
            ("env_logger", ENV_LOGGER.to_owned()),
            ("oncrpc", self.ours("rpc", None)),
            ("oncrpc-client", self.ours("client", None)),
            ("oncrpc-server", self.ours("server", None)),
            ("tokio", TOKIO.to_owned()),
        ];
        if serving.to_syslog() {
            dependencies.push(("log", LOG.to_owned()));
            dependencies.push(("nix", NIX.to_owned()));
        }
        let mut features = String::new();
        let xdr = match &self.options.serde {
            Serde::Off => None,
            Serde::On => {
                dependencies.push(("serde", SERDE.to_owned()));
                Some("serde")
            }
            Serde::Feature(feature) => {
                dependencies.push(("serde", SERDE_OPTIONAL.to_owned()));
                let feature = quoted(feature);
                features =
                    format!("\n[features]\n{feature} = [\"dep:serde\", \"oncrpc-xdr/serde\"]\n");
                None
            }
        };
        dependencies.push(("oncrpc-xdr", self.ours("xdr", xdr)));
        dependencies.sort_unstable();
        let lines = dependencies.iter();
        let lines: String = lines
            .map(|(name, what)| format!("{name} = {what}\n"))
            .collect();
        let rpcgen = format!("oncrpc-rpcgen = {}\n", self.ours("rpcgen", None));
        fill(
            include_str!("templates/Cargo.toml.in"),
            &[
                ("files", &self.files()),
                ("package", &self.name()),
                ("features", &features),
                ("dependencies", &lines),
                ("build_dependencies", &rpcgen),
            ],
        )
    }

    /// Where a package of oncrpc comes from: its folder in the repository, or the registry.
    fn ours(&self, folder: &str, feature: Option<&str>) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let from = match self.repository() {
            Some(path) => format!("path = {}", quoted(&path.join(folder).to_string_lossy())),
            None => format!("version = \"{version}\""),
        };
        match (feature, self.repository()) {
            (Some(feature), _) => format!("{{ {from}, features = [\"{feature}\"] }}"),
            (None, Some(_)) => format!("{{ {from} }}"),
            (None, None) => format!("\"{version}\""),
        }
    }
}

const ENV_LOGGER: &str = r#"{ version = "0.11", default-features = false }"#;
const LOG: &str = r#""0.4""#;
const NIX: &str = r#"{ version = "0.31", default-features = false, features = ["syslog"] }"#;
const SERDE: &str = r#"{ version = "1", features = ["derive"] }"#;
const SERDE_OPTIONAL: &str = r#"{ version = "1", features = ["derive"], optional = true }"#;
const TOKIO: &str =
    r#"{ version = "1", features = ["macros", "rt-multi-thread", "signal", "time"] }"#;
