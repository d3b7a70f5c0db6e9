//! Archives that want something bad, and what is said of each.

use std::io::Write;
use teu_tar::{Parser, TarError};

/// A header block with the given fields; the checksum is right unless a field sets it.
fn header(fields: &[(usize, &[u8])]) -> [u8; 512] {
    let mut block = [0u8; 512];
    for (at, text) in [
        (0, &b"name"[..]),
        (100, b"0000644\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, b"00000000000\0"),
        (136, b"00000000000\0"),
        (156, b"0"),
        (257, b"ustar\x0000"),
    ] {
        block[at..at + text.len()].copy_from_slice(text);
    }
    block[148..156].fill(b' ');
    for (at, text) in fields {
        block[*at..at + text.len()].copy_from_slice(text);
    }
    if block[148] == b' ' {
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    block
}

/// A pax header with one record, and the member behind it.
fn pax(record: &[u8]) -> Vec<u8> {
    extended(b"x", record, &[])
}

fn extended(kind: &[u8], contents: &[u8], member: &[(usize, &[u8])]) -> Vec<u8> {
    let size = format!("{:011o}\0", contents.len());
    let mut bytes = header(&[(156, kind), (124, size.as_bytes())]).to_vec();
    bytes.write_all(contents).unwrap();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(header(member));
    bytes
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let mut length = key.len() + value.len() + 3;
    length += (length + 1).to_string().len();
    while (key.len() + value.len() + 3 + length.to_string().len()) != length {
        length = key.len() + value.len() + 3 + length.to_string().len();
    }
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn parse(bytes: &[u8]) -> Result<usize, TarError> {
    let mut parser = Parser::new();
    parser.feed(bytes)?;
    parser.finish().map(|index| index.entries.len())
}

#[track_caller]
fn refused(bytes: &[u8], reason: &str) {
    let said = parse(bytes).map_or_else(|error| error.to_string(), |_| "nothing".into());
    assert!(said.contains(reason), "`{said}` instead of `{reason}`");
}

#[test]
fn headers() {
    let one = |at, text: &[u8], reason| refused(&header(&[(at, text)]), reason);
    one(148, b"0000000\0", "checksum is wrong");
    one(148, b"xxxxxxxx", "checksum is no number");
    one(100, b"8", "mode is no number");
    one(108, b"\xff\xff\xff\xff\xff\xff\xff\xff", "no user id");
    one(108, b"\x80\0\0\0\xff\xff\xff\xff", "no user id");
    one(116, b"\x80\0\0\x01\0\0\0\0", "no group id");
    one(124, b"-0000000001\0", "size is no number");
    one(124, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "size is no number");
    one(124, b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", "beyond what a file can have");
    one(124, b"00000000009\0", "size is no number");
    one(124, b"00000000001\0", "in the middle of a file's contents");
    one(136, b"zzz", "time is no number");
    one(156, b"M", "has no place in a layer");
    one(156, b"Z", "has no place in a layer");
    one(156, b"\xff", "has no place in a layer");
    one(156, b"2", "symbolic link to nowhere");
    refused(&header(&[(156, b"3"), (329, b"0010000\0")]), "too large for Linux");
    refused(&header(&[(156, b"4"), (337, b"\x80\0\0\0\0\x10\0\0")]), "too large for Linux");
    refused(&[b'x'; 512], "checksum");
    refused(&[1; 100], "in the middle of a header");
    refused(&[&[0; 512][..], &header(&[])].concat(), "follows a single zero block");
}

#[test]
fn names() {
    let named = |name: &[u8], reason| {
        let mut field = [0; 100];
        field[..name.len()].copy_from_slice(name);
        refused(&header(&[(0, &field)]), reason);
    };
    named(b"..", "out of the root");
    named(b"../../etc/passwd", "out of the root");
    named(b"a/../../b", "out of the root");
    named(b"./../b", "out of the root");
    named(b"/", "the root is a directory");
    named(b"", "the root is a directory");
    named(b"a/..", "the root is a directory");
    refused(&header(&[(156, b"1"), (157, b"../x")]), "out of the root");
    refused(&pax(&record("path", b"a\0b")), "zero byte");
    refused(&pax(&record("path", &[b'n'; 256])), "longer than 255 bytes");
    refused(&pax(&record("path", &b"n/".repeat(2049))), "longer than 4,095 bytes");
    refused(&extended(b"L", &[b'n'; 300], &[]), "longer than 255 bytes");
    let link = |target: &[u8]| extended(b"x", &record("linkpath", target), &[(156, b"2")]);
    refused(&link(&[b't'; 4096]), "more than 4,095 bytes");
    refused(&link(b"a\0b"), "zero byte");
    assert_eq!(parse(&link(b"../../../etc/shadow")), Ok(1), "a link may say what it likes");
}

#[test]
fn extended_headers() {
    for bad in [
        &b"5\n"[..],
        b"x path=a\n",
        b"9 path=a",
        b"99 path=a\n",
        b"0 \n",
        b"1 \n",
        b"4 =\n\n",
        b"18446744073709551616 a=b\n",
        b"-1 a=b\n",
        b"+9 path=a\n",
        b"09\0path=a\n",
        b"6 a\0=\n",
    ] {
        refused(&pax(bad), "malformed");
    }
    refused(&pax(&record("size", b"-1")), "size is no number");
    refused(&pax(&record("size", b"9223372036854775808")), "size is no number");
    refused(&pax(&record("size", b"9223372036854775807")), "beyond what a file can have");
    refused(&pax(&record("size", b"0x10")), "size is no number");
    refused(&pax(&record("uid", b"4294967296")), "no user id");
    refused(&pax(&record("gid", b"-2")), "no group id");
    refused(&pax(&record("mtime", b"1e9")), "time is no number");
    refused(&pax(&record("SCHILY.xattr.", b"x")), "attribute's name");
    refused(&pax(&record(&format!("SCHILY.xattr.{}", "n".repeat(256)), b"x")), "attribute's name");
    refused(&pax(&record("SCHILY.xattr.user.x", &[0; 65_536])), "longer than 65,535");
    let many: Vec<u8> =
        (0..4).flat_map(|n| record(&format!("SCHILY.xattr.user.{n}"), &[0; 60_000])).collect();
    refused(&pax(&many), "longer than 200 KiB");
    for kind in [b"x", b"L", b"K", b"g"] {
        let huge = header(&[(156, kind), (124, b"00004000001\0")]);
        refused(&huge, "longer than one megabyte");
    }
    refused(
        &header(&[(156, b"x"), (124, b"00000000010\0")]),
        "in the middle of an extended header",
    );
    // Without effect, as in Go: a global header cannot rename or resize what follows.
    let global = extended(b"g", &[record("path", b"../x"), record("size", b"99")].concat(), &[]);
    assert_eq!(parse(&global), Ok(1));
}

#[test]
fn sparse_files() {
    let sparse = |records: &[(&str, &str)], reason: &str| {
        let bytes: Vec<u8> =
            records.iter().flat_map(|(key, value)| record(key, value.as_bytes())).collect();
        refused(&pax(&bytes), reason);
    };
    sparse(&[("GNU.sparse.map", "0,1")], "size with holes is not told");
    sparse(&[("GNU.sparse.map", "0"), ("GNU.sparse.size", "1")], "not in pairs");
    sparse(&[("GNU.sparse.map", "0,,1"), ("GNU.sparse.size", "1")], "malformed");
    sparse(&[("GNU.sparse.map", "0,1"), ("GNU.sparse.size", "1")], "too little is stored");
    sparse(&[("GNU.sparse.map", "2,0,1,0"), ("GNU.sparse.size", "9")], "overlap");
    sparse(&[("GNU.sparse.map", "9,1"), ("GNU.sparse.size", "9")], "outside");
    sparse(&[("GNU.sparse.numbytes", "1")], "not in pairs");
    sparse(&[("GNU.sparse.offset", "1"), ("GNU.sparse.offset", "1")], "not in pairs");
    sparse(&[("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0")], "not known");
    let one_zero = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")];
    sparse(&one_zero, "size with holes is not told");
    let inside = |map: &[u8], size: &[u8], reason: &str| {
        let records = [
            record("GNU.sparse.major", b"1"),
            record("GNU.sparse.minor", b"0"),
            record("GNU.sparse.realsize", b"10"),
        ];
        let mut bytes = extended(b"x", &records.concat(), &[(124, size)]);
        bytes.extend_from_slice(map);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        refused(&bytes, reason);
    };
    inside(b"1\n0\n1\n", b"00000000000\0", "map is cut");
    inside(b"1\n0\n1\n", b"00000001000\0", "too little is stored");
    inside(b"0\n", b"00000001001\0", "more is stored");
    inside(b"999999999\n", b"00000001000\0", "too many pieces");
    inside(b"x\n", b"00000001000\0", "map is malformed");
    inside(&[b'1'; 512], b"00000001000\0", "map is malformed");
    inside(b"1\n0\n", b"00000001000\0", "map is malformed");
    let old = |fields: &[(usize, &[u8])], reason: &str| {
        let mut all = vec![(156, &b"S"[..]), (257, b"ustar  \0")];
        all.extend(fields);
        refused(&header(&all), reason);
    };
    old(&[(386, b"0000000000x\0"), (398, b"00000000001\0")], "is no number");
    old(&[(386, b"00000000000\0"), (398, b"00000000001\0")], "outside");
    old(&[(482, b"\x01"), (386, &[b'0'; 96])], "in the middle of a sparse file's map");
    old(&[(483, b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff")], "real size is no number");
}

/// Half a million extension blocks with four pieces each must end long before memory does.
#[test]
fn pieces_without_end() {
    let mut parser = Parser::new();
    parser
        .feed(&header(&[
            (156, b"S"),
            (257, b"ustar  \0"),
            (386, b"00000000000\0"),
            (398, b"00000000000\0"),
            (410, b"00000000000\0"),
            (422, b"00000000000\0"),
            (434, b"00000000000\0"),
            (446, b"00000000000\0"),
            (458, b"00000000000\0"),
            (470, b"00000000000\0"),
            (482, b"\x01"),
        ]))
        .unwrap();
    let mut block = [b'0'; 512];
    block[504] = 1;
    let ended = (0..500_000).find_map(|_| parser.feed(&block).err());
    assert!(matches!(ended, Some(TarError::BadSparse { .. })));
}
