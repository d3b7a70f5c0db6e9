//! `teu after-exit ID`: what a monitor starts when its container ended and no command was there.

use crate::exit_code::Failure;
use crate::{Door, Outcome};
use std::ffi::OsString;
use teu_model::ContainerId;

pub fn main(door: &Door, words: Vec<OsString>) -> Outcome {
    let id = words.first().and_then(|id| ContainerId::parse(id.to_str()?).ok());
    let id = id.ok_or_else(|| Failure::usage(None, "after-exit takes a whole id"))?;
    door.engine()?.after_exit(&id)?;
    Ok(0)
}
