//! Layers come in whatever pieces and packing, and are what they should be, or are refused.
#![allow(missing_docs, reason = "a test")]

mod common;
use common::*;
use std::io::Write;
use teu_image::{Compression, ImageError, LayerWriter, Limits};

fn feed(mut writer: LayerWriter, bytes: &[u8], piece: usize) -> Result<(), ImageError> {
    for piece in bytes.chunks(piece) {
        writer.feed(piece)?;
    }
    writer.finish().map(drop)
}

#[test]
fn every_packing_in_every_piece() {
    let tar = layer(1, 300_000);
    let (left, right) = tar.split_at(100_001);
    let packed = [
        tar.clone(),
        gzip(&tar),
        [gzip(left), gzip(b""), gzip(right)].concat(),
        [gzip(&tar), vec![0; 700]].concat(),
        zstd(&tar),
        [zstd(left), b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec(), zstd(right)].concat(),
    ];
    for (number, bytes) in packed.iter().enumerate() {
        for piece in [1, 7, 1000, 65_536, 10_000_000] {
            if piece == 1 && number % 2 == 0 {
                continue;
            }
            let root = root("layers");
            let (blob, diff) = (sha256(bytes), diff(&tar));
            let _lease = root.store.lease([&diff.0]).unwrap();
            let writer = root
                .store
                .layer_writer(Compression::Detect, Some(blob.clone()), Some(diff.clone()))
                .unwrap();
            feed(writer, bytes, piece).unwrap_or_else(|e| panic!("{number}/{piece}: {}", told(&e)));
            assert!(root.store.has_layer(&diff));
            let found = root.store.layer_by_blob(&blob);
            assert_eq!(found, (number > 0).then(|| diff.clone()));
            let kept = root.path("layers/sha256").join(diff.0.hex());
            assert_eq!(std::fs::read(kept.join("layer.tar")).unwrap(), tar);
            let index = std::fs::read(kept.join("index")).unwrap();
            let index = teu_tar::LayerIndex::decode(&index).unwrap();
            assert_eq!(index.entries.len(), 2);
            assert_eq!(root.store.origin(&diff).unwrap().content_size, 300_001);
            assert_eq!(root.count("ingest"), 0);
        }
    }
}

#[test]
fn a_layer_that_comes_twice_is_kept_once() {
    let root = root("twice");
    let tar = layer(2, 1000);
    for bytes in [gzip(&tar), zstd(&tar), gzip(&tar)] {
        let writer = root.store.layer_writer(Compression::Detect, None, None).unwrap();
        feed(writer, &bytes, 100).unwrap();
    }
    assert_eq!(root.count("layers/sha256"), 1);
    assert_eq!(root.store.origin(&diff(&tar)).unwrap().blobs.len(), 2);
    assert_eq!(root.store.layer_by_blob(&sha256(&zstd(&tar))), Some(diff(&tar)));
    assert_eq!(root.store.layer_by_blob(&sha256(b"other")), None);
}

#[test]
fn what_is_refused() {
    let tar = layer(3, 50_000);
    let (gz, zs) = (gzip(&tar), zstd(&tar));
    let flip = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 0x55;
        bytes
    };
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("a cut tar".into(), tar[..tar.len() / 2].to_vec()),
        ("no tar".into(), b"hello, this is a text and not an archive".repeat(30)),
        ("gzip of no tar".into(), gzip(&b"hello ".repeat(200))),
        ("zstd of no tar".into(), zstd(&b"hello ".repeat(200))),
        ("bzip2".into(), b"BZh91AY&SY".to_vec()),
        ("xz".into(), b"\xfd7zXZ\0\0\x04".to_vec()),
        ("gzip with a tail".into(), [&gz[..], b"tail"].concat()),
        ("gzip with zeros and a tail".into(), [&gz[..], b"\0\0\0tail"].concat()),
        ("zstd with a tail".into(), [&zs[..], b"tail of it"].concat()),
        ("gzip flag bits".into(), flip(&gz, 3)),
        ("gzip method".into(), flip(&gz, 2)),
        ("gzip checksum".into(), flip(&gz, gz.len() - 6)),
        ("gzip length".into(), flip(&gz, gz.len() - 2)),
        ("zstd window of 2 TiB".into(), b"\x28\xb5\x2f\xfd\x00\xf8\x01\0\0\0".to_vec()),
    ];
    for cut in [7, 15, gz.len() / 2, gz.len() - 8, gz.len() - 1] {
        cases.push((format!("gzip cut at {cut}"), gz[..cut].to_vec()));
    }
    for cut in [7, 15, zs.len() / 2, zs.len() - 1] {
        cases.push((format!("zstd cut at {cut}"), zs[..cut].to_vec()));
    }
    let root = root("refused");
    for (what, bytes) in cases {
        for piece in [13, 1_000_000] {
            let writer = root.store.layer_writer(Compression::Detect, None, None).unwrap();
            assert!(feed(writer, &bytes, piece).is_err(), "{what}");
            root.assert_tidy();
            assert_eq!(root.count("layers/sha256"), 0, "{what}");
        }
    }
    let promised = |blob: Option<&[u8]>, unpacked: Option<&[u8]>| {
        let (blob, diff) = (blob.map(sha256), unpacked.map(diff));
        let writer = root.store.layer_writer(Compression::Gzip, blob, diff).unwrap();
        feed(writer, &gz, 1000).map_err(|error| error.to_string())
    };
    assert!(promised(Some(b"x"), None).unwrap_err().starts_with("the layer is not"));
    assert!(promised(None, Some(b"x")).unwrap_err().starts_with("the unpacked layer is not"));
    root.assert_tidy();
    // What is named gzip must be it.
    let writer = root.store.layer_writer(Compression::Gzip, None, None).unwrap();
    assert!(feed(writer, &tar, 1000).is_err());
}

#[test]
fn bombs_end_early() {
    let root = root("bomb");
    let store = root.store.clone();
    let store = store.with_limits(Limits { layer_size_max: 1 << 20, ratio_max: 2000 });
    let bomb = tar(&[("zeros", &vec![0; 8 << 20])]);
    for bytes in [gzip(&bomb), zstd(&bomb)] {
        let mut writer = store.layer_writer(Compression::Detect, None, None).unwrap();
        let error = writer.write_all(&bytes).unwrap_err();
        assert!(error.to_string().starts_with("the layer unpacks to more than"), "{error}");
        assert!(matches!(writer.finish(), Err(ImageError::GivenUp)));
        root.assert_tidy();
    }
}

#[test]
fn an_abandoned_layer_leaves_nothing() {
    let root = root("abandoned");
    let mut writer = root.store.layer_writer(Compression::Detect, None, None).unwrap();
    writer.feed(&gzip(&layer(4, 1_000_000))[..200_000]).unwrap();
    assert_eq!(root.count("ingest"), 1);
    drop(writer);
    root.assert_tidy();
    // A sealed one neither.
    let mut writer = root.store.layer_writer(Compression::Detect, None, None).unwrap();
    writer.feed(&layer(4, 1000)).unwrap();
    drop(writer.seal().unwrap());
    root.assert_tidy();
    assert_eq!(root.count("layers/sha256"), 0);
}
