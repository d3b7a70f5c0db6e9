//! What a layer costs on its way in, and what finding an image costs on the way of `run`.
#![allow(clippy::print_stdout, reason = "its figures are what it is for")]

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;
use teu_image::{Compression, ImportOptions, Store};
use teu_model::{Paths, Platform, Reference};

fn main() {
    let top = std::path::PathBuf::from(format!("/var/tmp/teu-image-cost-{}", std::process::id()));
    let paths = Paths::of_root(&top);
    let store = Store::open(&paths).expect("a store");

    // This program itself, many times over: as compressible as programs are.
    let program = std::fs::read("/proc/self/exe").expect("our own program");
    let mut writer = teu_tar::Writer::new(Vec::new());
    for number in 0..(200 << 20) / program.len() {
        writer.file(&format!("bin/{number}"), 0o755, &program).expect("a member");
    }
    let tar = writer.finish().expect("a tar");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).expect("gzip");
    let packed = [
        ("plain", tar.clone()),
        ("gzip", gzip.finish().expect("gzip")),
        ("zstd", zstd::encode_all(&tar[..], 1).expect("zstd")),
    ];
    for (name, bytes) in &packed {
        let begun = Instant::now();
        let mut layer = store.layer_writer(Compression::Detect, None, None).expect("a writer");
        for piece in bytes.chunks(64 << 10) {
            layer.feed(piece).expect("a piece");
        }
        drop(layer.seal().expect("a layer"));
        let seconds = begun.elapsed().as_secs_f64();
        let size = tar.len() as f64 / 1e6;
        println!("{name}: {size:.0} MB of layer in {seconds:.2} s, {:.0} MB/s", size / seconds);
    }

    let options =
        ImportOptions { reference: Reference::parse("a/b:1").ok(), ..ImportOptions::default() };
    let mut small = teu_tar::Writer::new(Vec::new());
    small.file("a", 0o644, b"a").expect("a member");
    store.import(&small.finish().expect("a tar")[..], options).expect("an image");
    let here = Platform::here();
    let rounds = 2_000;
    let begun = Instant::now();
    for _ in 0..rounds {
        let store = Store::open(&paths).expect("a store");
        black_box(store.find("a/b:1", &here).expect("the image"));
    }
    println!("open and find: {:.1} µs", begun.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
    std::fs::remove_dir_all(top).expect("to clean up");
}
