//! The home of the module and its programs: a package, or the checkout.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The variable with the folder of a package.
pub const HOME: &str = "SELVEDGE_HOME";
/// The module's files, below the folder of a package or a checkout.
pub const MODULE: [&str; 2] = ["build/index.js", "build/index_bg.wasm"];
/// Where packages are, from the folder of the program.
const BESIDE: [&str; 2] = ["../lib/selvedge", "."];
/// The variable with the commit that a package is built from.
pub const COMMIT: &str = "SELVEDGE_COMMIT";
/// That commit, if the compiler's environment named it.
pub const BUILT: Option<&str> = option_env!("SELVEDGE_COMMIT");
/// The repository that this program was compiled in; a package's program has none.
const CHECKOUT: Option<&str> = match BUILT {
    Some(commit) if !commit.is_empty() => None,
    _ => Some(env!("CARGO_MANIFEST_DIR")),
};

/// The kind of a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A checkout: module and tools are built and fetched there.
    Checkout,
    /// A package: the module is built already.
    Package,
}

/// A folder with the module and its programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The folder.
    pub root: PathBuf,
    /// Its kind.
    pub origin: Origin,
}

impl Home {
    /// Finds the home of the program at `program`; `named` is the value of [`HOME`].
    ///
    /// The named folder comes first, then a package beside the program, then the checkout.
    ///
    /// # Errors
    /// When no folder has the module.
    pub fn find(program: &Path, named: Option<&OsStr>) -> Result<Self> {
        Self::among(program, named.filter(|named| !named.is_empty()), CHECKOUT.map(Path::new))
    }

    fn among(program: &Path, named: Option<&OsStr>, checkout: Option<&Path>) -> Result<Self> {
        if let Some(named) = named.map(Path::new) {
            return match missing(named) {
                None => Ok(Self::package(named)),
                Some(file) => bail!(
                    "{HOME} is {}, and that folder has no {file}: set it to the folder of a package (lib/selvedge, \
                     with build/ in it), or unset it",
                    named.display()
                ),
            };
        }
        // A link on the PATH leads to the package.
        let program = program.canonicalize().unwrap_or_else(|_| program.to_path_buf());
        let folder = program.parent().unwrap_or(Path::new("/"));
        if let Some(package) = BESIDE.map(|path| folder.join(path)).into_iter().find(|path| missing(path).is_none()) {
            return Ok(Self::package(&package));
        }
        if let Some(checkout) = checkout.filter(|checkout| checkout.join("Cargo.toml").is_file()) {
            return Ok(Self { root: checkout.to_path_buf(), origin: Origin::Checkout });
        }
        let (gone, run) = checkout.map_or_else(Default::default, |checkout| {
            (
                format!(", and the checkout {}, where this program was compiled, is gone", checkout.display()),
                ", or run `cargo run` in the new folder of the checkout",
            )
        });
        bail!(
            "cannot find Selvedge's module: {} has no {} (with {} in it){gone}; install the package again, or set {HOME} \
             to its folder lib/selvedge{run}",
            folder.display(),
            BESIDE.map(|path| if path == "." { "build" } else { path }).join(" or "),
            MODULE.join(", ")
        )
    }

    fn package(root: &Path) -> Self {
        Self { root: root.canonicalize().unwrap_or_else(|_| root.to_path_buf()), origin: Origin::Package }
    }
}

/// A file of the module that a folder lacks.
fn missing(folder: &Path) -> Option<&'static str> {
    MODULE.into_iter().find(|file| !folder.join(file).is_file())
}

/// The folder for tools that a package fetches: the user's cache, else inside the package.
pub fn cache(root: &Path) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let user = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    user.filter(|folder| folder.is_absolute()).map_or_else(|| root.join("cache"), |folder| folder.join("selvedge"))
}

/// A file in the `node_modules` of a folder or of one around it.
///
/// Node resolves packages the same way.
pub fn node_module(root: &Path, file: &str) -> Option<PathBuf> {
    root.ancestors().map(|folder| folder.join("node_modules").join(file)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Place(tempfile::TempDir);

    impl Place {
        fn with(files: &[&str]) -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            for file in files {
                let path = place.path(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().canonicalize().unwrap().join(name)
        }

        fn find(&self, named: Option<&str>) -> Result<(PathBuf, Origin), String> {
            let named = named.map(|name| self.path(name).into_os_string());
            let found = Home::among(&self.path("bin/selvedge"), named.as_deref(), Some(&self.path("checkout")));
            found.map(|home| (home.root, home.origin)).map_err(|error| error.to_string())
        }
    }

    const MODULES: [&str; 2] = ["lib/selvedge/build/index.js", "lib/selvedge/build/index_bg.wasm"];

    #[test]
    fn package_beside_the_program_comes_before_the_checkout() {
        let place = Place::with(&[MODULES[0], MODULES[1], "checkout/Cargo.toml", "bin/selvedge"]);
        assert_eq!(place.find(None), Ok((place.path("lib/selvedge"), Origin::Package)));
        fs::remove_file(place.path(MODULES[1])).unwrap();
        assert_eq!(place.find(None), Ok((place.path("checkout"), Origin::Checkout)), "half a package is none");
    }

    #[test]
    fn named_folder_comes_first_and_has_to_be_a_package() {
        let place = Place::with(&["other/build/index.js", "other/build/index_bg.wasm", MODULES[0], MODULES[1]]);
        assert_eq!(place.find(Some("other")), Ok((place.path("other"), Origin::Package)));
        let said = place.find(Some("bin")).unwrap_err();
        assert!(said.contains("SELVEDGE_HOME is") && said.contains("has no build/index.js"), "{said}");
    }

    #[test]
    fn link_to_the_program_leads_to_its_package() {
        let place = Place::with(&[MODULES[0], MODULES[1], "bin/selvedge", "links/x"]);
        std::os::unix::fs::symlink(place.path("bin/selvedge"), place.path("links/selvedge")).unwrap();
        let found = Home::among(&place.path("links/selvedge"), None, Some(&place.path("checkout"))).unwrap();
        assert_eq!(found.root, place.path("lib/selvedge"));
    }

    #[test]
    fn without_package_and_checkout_the_searched_folders_are_named() {
        let said = Place::with(&["bin/selvedge"]).find(None).unwrap_err();
        for part in ["bin has no ../lib/selvedge or build", "checkout", "is gone", "SELVEDGE_HOME"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }

    #[test]
    fn node_modules_of_outer_folders_are_found() {
        let place = Place::with(&["node_modules/a/b"]);
        assert_eq!(node_module(&place.path("x/y"), "a/b"), Some(place.path("node_modules/a/b")));
        assert_eq!(node_module(&place.path("x"), "a/c"), None);
    }
}
