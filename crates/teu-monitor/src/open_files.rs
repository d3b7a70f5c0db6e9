//! The limit of open files: a monitor beside hundreds of execs needs more than the usual 1024, and none of its
//! children shall notice.

use crate::monitor::Monitor;
use teu_kernel::{libc::RLIMIT_NOFILE, rlimit};
use teu_runtime::ProcessPlan;

impl Monitor {
    /// As many open files as the hard limit allows, for this process.
    pub(crate) fn raise_open_files(&mut self) {
        // Refused, it goes on with what it has.
        let Ok((soft, hard)) = rlimit::get(RLIMIT_NOFILE) else { return };
        if soft < hard && rlimit::set(0, RLIMIT_NOFILE, hard, hard).is_ok() {
            self.open_files = Some((soft, hard));
        }
    }

    /// A process of the container gets the limit that the monitor came with, unless another was asked for.
    pub(crate) fn limit_open_files(&self, process: &mut ProcessPlan) {
        let is_asked = process.rlimits.iter().any(|(resource, ..)| *resource == RLIMIT_NOFILE);
        if let (Some((soft, hard)), false) = (self.open_files, is_asked) {
            process.rlimits.push((RLIMIT_NOFILE, soft, hard));
        }
    }

    /// Does something under the limit that the monitor came with; where that is too little, without.
    pub(crate) fn with_own_open_files<T, E>(
        &self,
        work: impl Fn() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some((soft, hard)) = self.open_files else { return work() };
        if rlimit::set(0, RLIMIT_NOFILE, soft, hard).is_err() {
            return work();
        }
        let done = work();
        // It was allowed before.
        rlimit::set(0, RLIMIT_NOFILE, hard, hard).unwrap_or(());
        done.or_else(|_| work())
    }
}
