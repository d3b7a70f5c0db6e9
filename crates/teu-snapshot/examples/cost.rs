//! What a root costs, step by step: `cost ARCHIVE…`, one layer each, lowest first; as root.
//!
//! Builds a throwaway store below /var/tmp and prints the least of several runs of each step.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};
use teu_model::{DiffId, Digest, Paths};
use teu_snapshot::{Driver, Snapshots, WritableOptions};
use teu_tar::{LayerIndex, Parser};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let top = std::path::PathBuf::from(format!("/var/tmp/teu-cost-{}", std::process::id()));
    let mut paths = Paths::of_root(&top.join("root"));
    paths.run = top.join("run");
    let done = measure(&paths, &top);
    Snapshots::with_driver(&paths, Driver::ErofsFile).unmount_all()?;
    fs::remove_dir_all(&top)?;
    done
}

fn measure(paths: &Paths, top: &Path) -> Result<()> {
    let mut layers = Vec::new();
    let (mut parsing, mut encoding, mut decoding) = <(Duration, Duration, Duration)>::default();
    let (mut bytes, mut entries, mut index_bytes) = (0, 0, 0);
    for archive in std::env::args().skip(1) {
        let archive = fs::read(archive)?;
        let (took, index) = least(5, || parse(&archive))?;
        parsing += took;
        let (took, encoded) = least(5, || Ok(index.encode()))?;
        encoding += took;
        decoding += least(5, || Ok(LayerIndex::decode(&encoded)?))?.0;
        bytes += archive.len();
        entries += index.entries.len();
        index_bytes += encoded.len();
        layers.push(store(paths, &archive, &encoded)?);
    }
    println!("{} layers, {} MB, {entries} entries", layers.len(), bytes / 1_000_000);
    println!("parse       {parsing:>12.1?}   in pieces of 64 KiB");
    println!("encode      {encoding:>12.1?}   {index_bytes} bytes");
    println!("decode      {decoding:>12.1?}");
    for driver in Driver::ALL {
        roots(&Snapshots::with_driver(paths, driver), driver, &layers, paths, top)?;
    }
    Ok(())
}

fn roots(
    snapshots: &Snapshots,
    driver: Driver,
    layers: &[DiffId],
    paths: &Paths,
    top: &Path,
) -> Result<()> {
    println!("{driver}");
    let chain = teu_snapshot::chain_id(layers);
    let place = paths.root.join("roots/sha256").join(chain.0.hex());
    let runs = if driver == Driver::Tree { 1 } else { 5 };
    let (took, root) = least(runs, || {
        snapshots.forget_root(&chain)?;
        Ok(snapshots.ensure_root(layers)?)
    })?;
    let size = fs::metadata(place.join("root.erofs")).map_or(0, |meta| meta.len());
    println!("  from nothing {took:>12.1?}   index of {size} bytes");
    let (took, ()) = least(20, || {
        snapshots.unmount_all()?;
        snapshots.ensure_root(layers)?;
        Ok(())
    })?;
    println!("  mount        {took:>12.1?}   unmounting included");
    let (took, _) = least(1000, || Ok(snapshots.ensure_root(layers)?))?;
    println!("  is mounted   {took:>12.1?}");
    let mut number = 0;
    let (took, ()) = least(50, || {
        number += 1;
        let [upper, work] =
            ["upper", "work"].map(|part| top.join(format!("{driver}-{part}-{number}")));
        fs::create_dir(&upper)?;
        fs::create_dir(&work)?;
        let options = WritableOptions { volatile: true, userxattr: false };
        let mount = snapshots.writable(&root, &upper, &work, options)?;
        mount.as_fd();
        Ok(())
    })?;
    println!("  overlay      {took:>12.1?}   its directories and closing it included");
    snapshots.forget_root(&chain)?;
    Ok(())
}

fn parse(archive: &[u8]) -> Result<LayerIndex> {
    let mut parser = Parser::new();
    for piece in archive.chunks(1 << 16) {
        parser.feed(piece)?;
    }
    Ok(parser.finish()?)
}

fn store(paths: &Paths, archive: &[u8], index: &[u8]) -> Result<DiffId> {
    let hash = ring::digest::digest(&ring::digest::SHA256, archive);
    let diff = DiffId(Digest::from_sha256(hash.as_ref().try_into()?));
    let directory = paths.root.join("layers/sha256").join(diff.0.hex());
    fs::create_dir_all(&directory)?;
    fs::write(directory.join("layer.tar"), archive)?;
    fs::write(directory.join("index"), index)?;
    Ok(diff)
}

/// The least time of several runs, and the last one's result.
fn least<T>(runs: usize, mut run: impl FnMut() -> Result<T>) -> Result<(Duration, T)> {
    let mut best = Duration::MAX;
    let mut last = None;
    for _ in 0..runs {
        let start = Instant::now();
        last = Some(run()?);
        best = best.min(start.elapsed());
    }
    last.map(|last| (best, last)).ok_or_else(|| "no run at all".into())
}
