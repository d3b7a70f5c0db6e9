//! What a sandbox held in networks is given back. May be done again, by anyone, after any crash.
//!
//! Interfaces are not removed (10 to 38 ms each): they go when the namespace's last descriptor closes.

use crate::error::state;
use crate::{NetworkError, Networks};
use std::io;
use std::path::Path;
use teu_kernel::flock::Lock;
use teu_model::ContainerId;

impl Networks {
    /// Gives back all addresses of `sandbox`. Nothing held is no error.
    pub fn release(&self, sandbox: &ContainerId) -> Result<(), NetworkError> {
        let directory = self.sandbox(sandbox);
        // Two releases at once must not both remove the address: the second could take it from
        // its next owner.
        let _lock = match Lock::exclusive(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            lock => state(lock, || format!("lock {}", directory.display()))?,
        };
        let records = directory.join("networks");
        match std::fs::read_dir(&records) {
            // A lease or a release that broke off: the directory alone is left.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            entries => {
                for entry in state(entries, || format!("list {}", records.display()))? {
                    let entry = state(entry, || format!("list {}", records.display()))?;
                    self.release_record(&entry.path())?;
                }
                remove_if_empty(&records)?;
            }
        }
        remove_if_empty(&directory)
    }

    /// The address first: a record without one is found again, an address without a record is not.
    fn release_record(&self, record: &Path) -> Result<(), NetworkError> {
        if let Some(lease) = self.held(record)? {
            remove(&self.addresses(&lease.network).join(lease.address.to_string()))?;
        }
        remove(record)
    }
}

fn remove(file: &Path) -> Result<(), NetworkError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => state(result, || format!("remove {}", file.display())),
    }
}

/// The sandbox's directory is shared with other parts.
fn remove_if_empty(directory: &Path) -> Result<(), NetworkError> {
    match std::fs::remove_dir(directory) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Ok(())
        }
        result => state(result, || format!("remove {}", directory.display())),
    }
}
