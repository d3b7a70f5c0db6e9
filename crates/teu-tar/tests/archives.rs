//! Archives of every dialect, made by GNU tar and by our own writer, and what the parser says of them.

use std::process::Command;
use teu_tar::{Contents, Entry, Kind, LayerIndex, Parser, Reader, TarError, Time, Writer, Xattr};
use teu_testkit::{Need, TempDir, have};

fn parse(bytes: &[u8], piece: usize) -> Result<LayerIndex, TarError> {
    let mut parser = Parser::new();
    for piece in bytes.chunks(piece) {
        parser.feed(piece)?;
    }
    assert_eq!(parser.position(), bytes.len() as u64);
    parser.finish()
}

fn entry(path: &str, kind: Kind) -> Entry {
    let mtime = Time { seconds: 1_700_000_000, nanoseconds: 0 };
    Entry { path: path.into(), kind, mode: 0o644, uid: 1000, gid: 100, mtime, xattrs: vec![] }
}

fn sample() -> Vec<Entry> {
    let contents = |size| Kind::File(Contents { size, offset: 0, extents: None });
    let mut odd = entry(&format!("{}/{}", "d".repeat(200), "ü".repeat(120)), contents(3));
    odd.uid = 3_000_000;
    odd.gid = u32::MAX - 1;
    odd.mtime = Time { seconds: -5, nanoseconds: 250_000_000 };
    odd.xattrs = vec![
        Xattr { name: b"security.capability".to_vec(), value: vec![0, 1, b'\n', b'='] },
        Xattr { name: b"user.big".to_vec(), value: vec![7; 65_535] },
    ];
    let target = |text: &str| text.as_bytes().to_vec();
    vec![
        entry("", Kind::Directory),
        entry("dir", Kind::Directory),
        entry("dir/file", contents(513)),
        odd,
        entry("link", Kind::Symlink { target: target(&"t".repeat(4095)) }),
        entry("hard", Kind::HardLink { target: target("dir/file") }),
        entry("tty", Kind::Character { major: 4, minor: 64 }),
        entry("sda", Kind::Block { major: 8, minor: 1_000_000 }),
        entry("pipe", Kind::Fifo),
        entry("dir/gone", Kind::Whiteout),
        entry("dir", Kind::Opaque),
        entry("empty", contents(0)),
    ]
}

fn write(entries: &[Entry]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for entry in entries {
        writer.append(entry, std::io::repeat(b'x')).unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn what_is_written_is_read_back_in_pieces_of_any_length() {
    let entries = sample();
    let bytes = write(&entries);
    let whole = parse(&bytes, bytes.len()).unwrap();
    assert_eq!(whole.archive_size, bytes.len() as u64);
    for (got, expected) in whole.entries.iter().zip(&entries) {
        let mut got = got.clone();
        if let (Kind::File(found), Kind::File(contents)) = (&mut got.kind, &expected.kind) {
            let at = usize::try_from(found.offset).unwrap();
            let size = usize::try_from(contents.size).unwrap();
            assert!(bytes[at..at + size].iter().all(|&byte| byte == b'x'));
            found.offset = 0;
        }
        assert_eq!(&got, expected);
    }
    assert_eq!(whole.entries.len(), entries.len());
    for piece in [1, 3, 511, 512, 513, 4096] {
        assert_eq!(parse(&bytes, piece).as_ref(), Ok(&whole), "pieces of {piece}");
    }
    assert_eq!(LayerIndex::decode(&whole.encode()), Ok(whole));
}

#[test]
fn the_reader_gives_contents() {
    let bytes = write(&sample());
    let mut reader = Reader::new(&bytes[..]);
    let mut files = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut text = Vec::new();
        // Half of them are left unread.
        if files.len() % 2 == 0 {
            std::io::Read::read_to_end(&mut reader, &mut text).unwrap();
            if let Kind::File(contents) = entry.kind {
                assert_eq!(text.len() as u64, contents.size);
            }
        }
        files.push(entry.path);
    }
    assert_eq!(files.len(), sample().len());
    assert!(files.contains(&b"dir/.wh.gone".to_vec()));
}

#[test]
fn an_archive_may_end_early_only_where_nothing_is_lost() {
    let contents = Kind::File(Contents { size: 5, offset: 0, extents: None });
    let bytes = write(&[entry("file", contents)]);
    assert_eq!(bytes.len(), 2048);
    for length in 0..=bytes.len() {
        let whole = matches!(length, 0 | 517..=1024 | 1536 | 2048);
        assert_eq!(parse(&bytes[..length], 4096).is_ok(), whole, "{length} bytes");
    }
    // Whatever follows the end is kept, and means nothing.
    let longer = [&bytes[..], &[1; 1000]].concat();
    assert_eq!(parse(&longer, 7).unwrap().archive_size, 3048);
    // A single zero block inside is no end, and no member either.
    let split = [&bytes[..1024], &[0; 512], &bytes[..1024]].concat();
    assert!(matches!(parse(&split, 512), Err(TarError::BadHeader { offset: 1536, .. })));
}

#[test]
fn any_changed_byte_is_survived() {
    let mut entries = sample()[..8].to_vec();
    entries[3].xattrs[1].value.truncate(10);
    let bytes = write(&entries);
    let mut changed = bytes.clone();
    for at in (0..bytes.len()).step_by(3) {
        for value in [0, 0xff, b'9', bytes[at] ^ 1] {
            changed[at] = value;
            if let Ok(index) = parse(&changed, 4096) {
                assert_eq!(LayerIndex::decode(&index.encode()), Ok(index));
            }
        }
        changed[at] = bytes[at];
    }
}

#[test]
fn any_changed_byte_of_an_index_is_found() {
    let bytes = parse(&write(&sample()), 4096).unwrap().encode();
    // The long attribute in the middle is all alike.
    for at in (0..bytes.len()).filter(|at| *at < 1000 || at % 997 == 0) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(LayerIndex::decode(&changed).is_err(), "byte {at}");
        assert!(LayerIndex::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
}

/// The files of GNU tar's own making, in each of its formats, must all tell the same.
#[test]
fn gnu_tar_in_all_its_formats() {
    if !have(Need::Root) {
        return;
    }
    let top = TempDir::new("tar");
    let script = "mkdir -p t/deep/$(printf 'x%.0s' $(seq 90))/$(printf 'y%.0s' $(seq 120)) && cd t && \
        echo hello > file && ln file hard && ln -s file soft && mkfifo pipe && mknod null c 1 3 && \
        (cd deep/x*/y* && echo far > file) && truncate -s 3M holes && \
        printf here | dd of=holes bs=1 seek=1000000 conv=notrunc status=none && \
        for n in $(seq 0 2 60); do printf x | dd of=many bs=1 seek=$((n*65536)) conv=notrunc status=none; done && \
        truncate -s 5M many";
    let shell = |script: &str| {
        let done = Command::new("sh").args(["-ec", script]).current_dir(&*top).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    shell(script);
    let mut told: Vec<Vec<(String, String)>> = Vec::new();
    for format in ["gnu", "posix", "posix --sparse-version=0.0", "posix --sparse-version=0.1"] {
        shell(&format!("tar --sort=name -cSf a.tar --format={format} -C t ."));
        let bytes = std::fs::read(top.join("a.tar")).unwrap();
        let index = parse(&bytes, 1000).unwrap_or_else(|error| panic!("{format}: {error}"));
        let mut lines: Vec<_> = index
            .entries
            .iter()
            .map(|entry| (String::from_utf8_lossy(&entry.path).into(), describe(entry, &bytes)))
            .collect();
        lines.sort();
        told.push(lines);
    }
    assert_eq!(told[0].len(), 12, "{:#?}", told[0]);
    for other in &told[1..] {
        assert_eq!(&told[0], other);
    }
}

fn describe(entry: &Entry, archive: &[u8]) -> String {
    let Kind::File(contents) = &entry.kind else { return format!("{:?}", entry.kind) };
    let size = usize::try_from(contents.size).unwrap();
    let mut bytes = vec![0u8; size];
    let whole = [teu_tar::Extent { at: 0, offset: contents.offset, length: contents.size }];
    for extent in contents.extents.as_deref().unwrap_or(&whole) {
        let [at, from, length] =
            [extent.at, extent.offset, extent.length].map(|n| usize::try_from(n).unwrap());
        bytes[at..at + length].copy_from_slice(&archive[from..from + length]);
    }
    let used: Vec<_> = bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).take(40).collect();
    format!("{size} bytes, sparse {}: {used:?}", contents.extents.is_some())
}
