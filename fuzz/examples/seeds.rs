//! Writes the seeds that are no text: `cargo run -p teu-fuzz --example seeds`, after a format changed.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use teu_tar::{Contents, Entry, Kind, LayerIndex, Parser, Time, Writer, Xattr};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let put = |name: &str, bytes: &[u8]| -> Result<()> {
        let path: PathBuf = corpus.join(name);
        println!("{} bytes {}", bytes.len(), path.display());
        Ok(fs::write(path, bytes)?)
    };
    let (plain, rich) = (plain_layer()?, rich_layer()?);
    put("tar/plain", &plain)?;
    put("tar/rich", &rich)?;
    for (name, archive) in [("plain", &plain), ("rich", &rich)] {
        let mut parser = Parser::new();
        parser.feed(archive)?;
        let index: LayerIndex = parser.finish()?;
        let file = index.encode();
        put(&format!("layer_index/{name}"), &file)?;
        put(&format!("layer_index/{name}-body"), &file[28..])?;
    }
    put("archive/docker", &docker_archive(&plain)?)?;
    put("archive/layout", &layout_archive()?)?;
    put("program/elf", &elf())?;
    put("dns/answer", &dns_answer())?;
    put("dns/pointer-loop", &[&dns_answer()[..29], &[0xc0, 29, 0xc0, 12]].concat())?;
    put("netlink/link", &netlink(16, &link()))?;
    put("netlink/refusal", &netlink(2, &refusal()))?;
    put("netlink/rule", &netlink(0x0a06, &rule()))?;
    put("dbus/answer", &dbus())?;
    put("monitor_frame/stdin", b"\x03some input\n")?;
    put("monitor_frame/stdout", b"\x04some output\n")?;
    put("monitor_frame/wait", b"\x01\"Wait\"")
}

fn entry(path: &str, kind: Kind, mode: u32) -> Entry {
    let mtime = Time { seconds: 1_700_000_000, nanoseconds: 5 };
    Entry { path: path.into(), kind, mode, uid: 1000, gid: 1000, mtime, xattrs: Vec::new() }
}

fn plain_layer() -> Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    writer.directory("etc", 0o755)?;
    writer.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
    writer.symlink("etc/mtab", "../proc/mounts")?;
    Ok(writer.finish()?)
}

/// One of everything.
fn rich_layer() -> Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    let contents = Contents { size: 6, offset: 0, extents: None };
    let mut file = entry("bin/ping", Kind::File(contents), 0o4755);
    file.xattrs.push(Xattr { name: b"security.capability".to_vec(), value: vec![1, 0, 0, 2] });
    writer.append(&file, &b"\x7fELF!\n"[..])?;
    let link = Kind::HardLink { target: b"bin/ping".to_vec() };
    writer.append(&entry("bin/ping6", link, 0o755), std::io::empty())?;
    let long = format!("{}/file", "long-name/".repeat(30));
    writer.file(&long, 0o600, b"far away")?;
    let null = Kind::Character { major: 1, minor: 3 };
    writer.append(&entry("dev/null", null, 0o666), std::io::empty())?;
    writer.append(&entry("run/fifo", Kind::Fifo, 0o600), std::io::empty())?;
    writer.file("var/.wh.gone", 0o600, b"")?;
    writer.file("opt/.wh..wh..opq", 0o600, b"")?;
    let mut archive = writer.finish()?;
    archive.truncate(archive.len() - 1024);
    archive.extend(gnu_sparse());
    archive.extend([0; 1024]);
    Ok(archive)
}

/// A file of 4 KiB with 512 bytes at its end, as GNU tar wrote them before pax.
fn gnu_sparse() -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, "sparse");
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, "00000001000\0");
    put(136, "00000000000\0");
    put(156, "S");
    put(257, "ustar  \0");
    put(386, "00000007000\0");
    put(398, "00000001000\0");
    put(483, "00000010000\0");
    put(148, "        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    [header, [b'x'; 512]].concat()
}

const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["$D"]}}"#;

fn docker_archive(layer: &[u8]) -> Result<Vec<u8>> {
    // The layer's own digest, so that a load of the unchanged seed goes to its end.
    let diff = teu_model::Digest::from_sha256(sha256(layer)).to_string();
    let mut writer = Writer::new(Vec::new());
    let manifest = br#"[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l/layer.tar"]}]"#;
    writer.file("manifest.json", 0o644, manifest)?;
    writer.file("c.json", 0o644, CONFIG.replace("$D", &diff).as_bytes())?;
    writer.file("l/layer.tar", 0o644, layer)?;
    Ok(writer.finish()?)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

fn layout_archive() -> Result<Vec<u8>> {
    let digest = format!("sha256:{}", "1".repeat(64));
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":20,"annotations":{{"org.opencontainers.image.ref.name":"a:1"}}}}]}}"#
    );
    let mut writer = Writer::new(Vec::new());
    writer.file("oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    writer.file("index.json", 0o644, index.as_bytes())?;
    writer.file(&format!("blobs/sha256/{}", "1".repeat(64)), 0o644, br#"{"schemaVersion":2}"#)?;
    Ok(writer.finish()?)
}

/// A 64-bit program with a loader and one library, and nothing else.
fn elf() -> Vec<u8> {
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let header: [u16; 2] = [2, 62];
    file.extend(header.iter().flat_map(|word| word.to_le_bytes()));
    file.extend(1_u32.to_le_bytes());
    file.extend([0x40_0000_u64, 64, 0].iter().flat_map(|word| word.to_le_bytes()));
    file.extend(0_u32.to_le_bytes());
    file.extend([64_u16, 56, 3, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    let strings = b"/lib64/ld-none.so.1\0\0libmissing.so.1\0";
    let (at, dynamic) = (64 + 3 * 56, 64 + 3 * 56 + 64);
    let mut segment = |kind: u32, offset: u64, size: u64| {
        file.extend(kind.to_le_bytes());
        file.extend(5_u32.to_le_bytes());
        for word in [offset, 0x40_0000 + offset, 0x40_0000 + offset, size, size, 8] {
            file.extend(word.to_le_bytes());
        }
    };
    segment(3, at, 20);
    segment(1, 0, 4096);
    segment(2, dynamic, 80);
    file.extend(strings);
    file.resize(usize::try_from(dynamic).unwrap_or(0), 0);
    for (tag, value) in [(5_u64, 0x40_0000 + at + 20), (10, 17), (1, 1), (29, 0), (0, 0)] {
        file.extend(tag.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file
}

fn dns_answer() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
    bytes.extend(b"\x03reg\x07example\0\0\x01\0\x01");
    bytes.extend(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x04\x01b\xc0\x10");
    bytes.extend(b"\x01b\xc0\x10\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x05");
    bytes
}

fn netlink(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).unwrap_or(16);
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(0x0200_u16.to_ne_bytes());
    bytes.extend([1_u32, 0].iter().flat_map(|word| word.to_ne_bytes()));
    bytes.extend(payload);
    bytes
}

fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + content.len()).unwrap_or(4);
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn link() -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[4] = 7;
    bytes[8] = 1;
    bytes.extend(attribute(3, b"veth0\0"));
    bytes.extend(attribute(1, &[2, 0x42, 10, 0, 0, 1]));
    bytes.extend(attribute(4, &1500_u32.to_ne_bytes()));
    bytes.extend(attribute(18, &attribute(1, b"veth\0")));
    bytes
}

fn refusal() -> Vec<u8> {
    let mut bytes = (-19_i32).to_ne_bytes().to_vec();
    bytes.extend([16, 0, 0, 0, 18, 0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(attribute(1, b"Device does not exist\0"));
    bytes
}

fn rule() -> Vec<u8> {
    let verdict = attribute(1, &attribute(2, &attribute(1, &0_u32.to_be_bytes())));
    let expression = [attribute(1, b"immediate\0"), attribute(2, &verdict)].concat();
    let mut bytes = vec![2, 0, 0, 0];
    bytes.extend(attribute(1, b"filter\0"));
    bytes.extend(attribute(2, b"FORWARD\0"));
    bytes.extend(attribute(3, &5_u64.to_be_bytes()));
    bytes.extend(attribute(4, &attribute(1, &expression)));
    bytes.extend(attribute(7, b"\0\x04teu\0"));
    bytes
}

/// An error that answers call 2.
fn dbus() -> Vec<u8> {
    let fields = b"\x05\x01u\0\x02\0\0\0\x04\x01s\0\x05\0\0\0a.b.c\0";
    let body = b"\x03\0\0\0why\0";
    let mut bytes = b"l\x03\0\x01".to_vec();
    bytes.extend(u32::try_from(body.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend(u32::try_from(fields.len()).unwrap_or(0).to_le_bytes());
    bytes.extend(fields);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(body);
    bytes
}
