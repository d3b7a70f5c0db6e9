//! Builds the test programs and says where they are.

use crate::{Result, cargo, root, shown};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Which part of the tests a program belongs to, by where its source lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `src/` of a package.
    Unit,
    /// `crates/X/tests/`: the kernel, and other real programs.
    Kernel,
    /// `tests/X/`: the whole program.
    Whole,
}

/// One built test program.
#[derive(Clone, Debug)]
pub struct TestProgram {
    pub part: Part,
    pub package: String,
    /// `package` for the tests inside a library, `package/name` for others.
    pub name: String,
    pub path: PathBuf,
    /// Where cargo would run it.
    pub directory: PathBuf,
}

/// All that was built.
#[derive(Debug)]
pub struct Built {
    pub programs: Vec<TestProgram>,
    /// Ordinary programs of packages with tests: `env!("CARGO_BIN_EXE_…")` names them by their path.
    pub helpers: Vec<Helper>,
}

/// A program that tests start.
#[derive(Clone, Debug)]
pub struct Helper {
    pub package: String,
    pub path: PathBuf,
}

/// Builds the test programs of the named packages, or all of the workspace.
pub fn test_programs(packages: &[&str]) -> Result<Built> {
    let mut command = cargo();
    command.args(["test", "--quiet", "--no-run", "--message-format=json-render-diagnostics"]);
    if packages.is_empty() {
        command.arg("--workspace");
    }
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("`{}` failed", shown(&command)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut programs: Vec<TestProgram> =
        text.lines().filter_map(|line| program(line, &root())).collect();
    programs.sort_by(|one, other| one.name.cmp(&other.name));
    if programs.is_empty() {
        return Err("cargo built no test program".to_string());
    }
    let helpers = text.lines().filter_map(helper).collect();
    Ok(Built { programs, helpers })
}

/// The whole program as it is shipped, for the tests that run it.
pub fn teu() -> Result<PathBuf> {
    let mut command = cargo();
    command.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "teu",
        "--message-format=json-render-diagnostics",
    ]);
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("`{}` failed", shown(&command)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let made = text.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["target"]["name"] == "teu").then_some(())?;
        message["executable"].as_str().map(PathBuf::from)
    });
    made.ok_or_else(|| "cargo does not say where it put teu".to_string())
}

fn helper(line: &str) -> Option<Helper> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["profile"]["test"] != false {
        return None;
    }
    let path = PathBuf::from(message["executable"].as_str()?);
    let directory = Path::new(message["manifest_path"].as_str()?).parent()?;
    Some(Helper { package: directory.file_name()?.to_str()?.to_string(), path })
}

fn program(line: &str, root: &Path) -> Option<TestProgram> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let path = PathBuf::from(message["executable"].as_str()?);
    let directory = PathBuf::from(message["manifest_path"].as_str()?).parent()?.to_path_buf();
    let package = directory.file_name()?.to_str()?.to_string();
    let target = message["target"]["name"].as_str()?;
    let is_test = message["target"]["kind"].as_array()?.iter().any(|kind| kind == "test");
    let part = match (directory.starts_with(root.join("tests")), is_test) {
        (true, _) => Part::Whole,
        (false, true) => Part::Kernel,
        (false, false) => Part::Unit,
    };
    let name = if is_test { format!("{package}/{target}") } else { package.clone() };
    Some(TestProgram { part, package, name, path, directory })
}

#[test]
fn messages() {
    let message = |manifest: &str, kind: &str| {
        let line = format!(
            r#"{{"reason":"compiler-artifact","manifest_path":"{manifest}","target":{{"kind":["{kind}"],"name":"it"}},"profile":{{"test":true}},"executable":"/t/it-1"}}"#
        );
        program(&line, Path::new("/w")).map(|program| (program.part, program.name))
    };
    let found = |part, name: &str| Some((part, name.to_string()));
    assert_eq!(message("/w/crates/teu-x/Cargo.toml", "test"), found(Part::Kernel, "teu-x/it"));
    assert_eq!(message("/w/crates/teu-x/Cargo.toml", "lib"), found(Part::Unit, "teu-x"));
    assert_eq!(message("/w/tests/crash/Cargo.toml", "test"), found(Part::Whole, "crash/it"));
    assert!(program(r#"{"reason":"build-finished"}"#, Path::new("/w")).is_none());
}
