//! The nodes and links of /dev.

use super::report::{At, Step};
use super::{Build, Device, place};
use crate::error::Stage;
use crate::plan::DeviceType;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use teu_kernel::child_fs::{self, Within};
use teu_kernel::libc::{EEXIST, S_IFBLK, S_IFCHR, S_IFIFO};
use teu_kernel::mount;

pub(super) fn all(root: BorrowedFd<'_>, build: &Build) -> Step {
    for (index, device) in build.devices.iter().enumerate() {
        make(root, device).at(Stage::Device, index)?;
    }
    if build.device_links.is_empty() {
        return Ok(());
    }
    let dev = place::make_directory(root, c"dev").at(Stage::Device, 0)?;
    for (name, target) in &build.device_links {
        child_fs::symlink(target, dev.as_fd(), name).at(Stage::Device, usize::MAX)?;
    }
    Ok(())
}

fn make(root: BorrowedFd<'_>, device: &Device) -> io::Result<()> {
    let directory = place::make_directory(root, &device.directory)?;
    let directory = directory.as_fd();
    if let Some(node) = &device.node {
        child_fs::make_file(directory, &device.name, 0o644)?;
        let place = child_fs::place(directory, &device.name, Within::NoLinks)?;
        return mount::attach(node.as_fd(), place.as_fd());
    }
    let plan = &device.plan;
    let kind = match plan.kind {
        DeviceType::Character => S_IFCHR,
        DeviceType::Block => S_IFBLK,
        DeviceType::Fifo => S_IFIFO,
    };
    match child_fs::mknod(directory, &device.name, kind | plan.mode, plan.major, plan.minor) {
        // An image's own /dev may have it; only the same thing will do.
        Err(error) if error.raw_os_error() == Some(EEXIST) => {
            let there = child_fs::place(directory, &device.name, Within::NoLinks)?;
            let about = child_fs::about(there.as_fd())?;
            let same = about.mode & teu_kernel::libc::S_IFMT == kind
                && (plan.kind == DeviceType::Fifo || about.device == (plan.major, plan.minor));
            if !same {
                return Err(error);
            }
        }
        other => other?,
    }
    if (plan.uid, plan.gid) != (0, 0) {
        child_fs::chown(directory, &device.name, plan.uid, plan.gid)?;
    }
    Ok(())
}
