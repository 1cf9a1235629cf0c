//! What cargo knows about the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;
use xshell::{Shell, cmd};

use crate::Result;

/// The workspace, its packages in the order of their names, and a shell.
pub(crate) struct Workspace {
    shell: Shell,
    root: PathBuf,
    target: PathBuf,
    packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The folder of its manifest, relative to the workspace.
    pub(crate) folder: PathBuf,
    pub(crate) publish: bool,
    /// Fields of the manifest that are there and not empty, such as `license` and `keywords`.
    pub(crate) stated: Vec<String>,
    pub(crate) features: Vec<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// One line of a `[dependencies]` table, whatever its platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
    pub(crate) optional: bool,
    /// The versions that are accepted, as cargo writes them.
    pub(crate) requirement: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    #[default]
    Normal,
    Build,
    Development,
}

/// One thing that cargo builds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `bench`, `example`, `custom-build`.
    pub(crate) kind: String,
    /// The root file, relative to the workspace.
    pub(crate) root: PathBuf,
}

impl Workspace {
    /// Asks cargo about the workspace that this program was built in.
    pub(crate) fn load() -> Result<Self> {
        let shell = Shell::new()?;
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
        let metadata = cmd!(
            shell,
            "cargo metadata --format-version 1 --no-deps --manifest-path {manifest}"
        )
        .quiet()
        .read()?;
        Workspace::parse(shell, &metadata)
    }

    fn parse(shell: Shell, metadata: &str) -> Result<Self> {
        let metadata: Value = serde_json::from_str(metadata)?;
        let root = PathBuf::from(text(&metadata["workspace_root"]));
        shell.change_dir(&root);
        let mut packages: Vec<Package> = members(&metadata["packages"])
            .map(|package| Package::parse(package, &root))
            .collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Workspace {
            shell,
            target: text(&metadata["target_directory"]).into(),
            root,
            packages,
        })
    }

    /// Runs programs in the workspace's root.
    pub(crate) fn shell(&self) -> &Shell {
        &self.shell
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The crates that users get.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.publish)
    }
}

impl Package {
    fn parse(package: &Value, root: &Path) -> Self {
        let relative = |path: &str| {
            Path::new(path)
                .strip_prefix(root)
                .unwrap_or(Path::new(path))
                .to_owned()
        };
        let manifest = relative(text(&package["manifest_path"]));
        Package {
            name: text(&package["name"]).to_owned(),
            version: text(&package["version"]).to_owned(),
            folder: manifest.parent().unwrap_or(Path::new("")).to_owned(),
            // `publish` is null for "anywhere", and a list of registries otherwise.
            publish: package["publish"]
                .as_array()
                .is_none_or(|registries| !registries.is_empty()),
            stated: stated(package),
            features: package["features"]
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys().cloned())
                .collect(),
            dependencies: members(&package["dependencies"]).map(Dependency::parse).collect(),
            targets: members(&package["targets"])
                .map(|target| Target::parse(target, &relative))
                .collect(),
        }
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }

    pub(crate) fn has_library(&self) -> bool {
        self.targets.iter().any(|target| target.kind == "lib")
    }

    /// Dependencies that users of the package compile.
    pub(crate) fn shipped_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development)
    }
}

impl Dependency {
    fn parse(dependency: &Value) -> Self {
        Dependency {
            name: text(&dependency["name"]).to_owned(),
            kind: match text(&dependency["kind"]) {
                "dev" => DependencyKind::Development,
                "build" => DependencyKind::Build,
                _ => DependencyKind::Normal,
            },
            optional: dependency["optional"] == true,
            requirement: text(&dependency["req"]).to_owned(),
        }
    }
}

impl Target {
    fn parse(target: &Value, relative: &dyn Fn(&str) -> PathBuf) -> Self {
        Target {
            name: text(&target["name"]).to_owned(),
            kind: members(&target["kind"])
                .next()
                .map(text)
                .unwrap_or_default()
                .to_owned(),
            root: relative(text(&target["src_path"])),
        }
    }
}

fn stated(package: &Value) -> Vec<String> {
    let is_stated = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => false,
    };
    let fields = package.as_object().into_iter().flatten();
    fields
        .filter(|(_, value)| is_stated(value))
        .map(|(name, _)| name.clone())
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "workspace_root": "/r", "target_directory": "/r/target",
        "packages": [
            {"name": "zeta", "version": "1.2.0", "manifest_path": "/r/crates/zeta/Cargo.toml", "publish": null,
             "description": "last", "license": null, "keywords": [], "features": {"gzip": ["dep:flate2"]},
             "dependencies": [
                {"name": "flate2", "kind": null, "optional": true, "req": "^1"},
                {"name": "proptest", "kind": "dev", "optional": false, "req": "^1"}],
             "targets": [{"name": "zeta", "kind": ["lib"], "src_path": "/r/crates/zeta/src/lib.rs"}]},
            {"name": "alpha", "version": "1.2.0", "manifest_path": "/r/alpha/Cargo.toml", "publish": [],
             "features": {}, "dependencies": [], "targets": []}]}"#;

    #[test]
    fn metadata_is_read() {
        let workspace = Workspace::parse(Shell::new().unwrap(), METADATA).unwrap();
        assert_eq!(workspace.target(), Path::new("/r/target"));
        let names: Vec<&str> = workspace
            .packages()
            .iter()
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(names, ["alpha", "zeta"]);

        let zeta = workspace.published().next().unwrap();
        assert_eq!(zeta.manifest(), Path::new("crates/zeta/Cargo.toml"));
        assert!(zeta.has_library());
        assert!(zeta.stated.contains(&"description".to_owned()));
        assert!(!zeta.stated.contains(&"license".to_owned()));
        assert!(!zeta.stated.contains(&"keywords".to_owned()));
        let shipped: Vec<&str> = zeta
            .shipped_dependencies()
            .map(|dependency| dependency.name.as_str())
            .collect();
        assert_eq!(shipped, ["flate2"]);
        assert_eq!(workspace.published().count(), 1);
    }
}
