//! teu, with a state root of its own.

use crate::Result;
use crate::world::{IMAGE, run};
use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Teu {
    program: PathBuf,
    root: PathBuf,
}

impl Teu {
    /// The program that was built beside this one, or what `TEU_BIN` names.
    pub fn new(root: &Path, archive: &Path) -> Result<Teu> {
        let beside = std::env::current_exe()?.with_file_name("teu");
        let program = std::env::var_os("TEU_BIN").map_or(beside, PathBuf::from);
        if !program.exists() {
            return Err(format!("build teu first: {} is not there", program.display()).into());
        }
        let teu = Teu { program, root: root.to_path_buf() };
        run(teu.command(&["import"]).arg(archive).arg(IMAGE))?;
        Ok(teu)
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(&self.root).args(words);
        command
    }

    pub fn version(&self) -> String {
        run(self.command(&["--version"]).env_clear()).unwrap_or_default()
    }

    /// Removes these containers, fifty at a time.
    pub fn remove(&self, ids: &[String]) -> Result<()> {
        for some in ids.chunks(50) {
            run(self.command(&["rm", "-f"]).args(some))?;
        }
        Ok(())
    }
}

impl Drop for Teu {
    fn drop(&mut self) {
        if let Err(error) = run(&mut self.command(&["system", "reset", "--force"])) {
            eprintln!("{error}");
        }
    }
}
