//! `USER` of an image, `--user` and `--group-add` → numbers, read from the image's own files.
//!
//! ```text
//!   ""  alice  1000  alice:staff  1000:1000  alice:50
//! ```
//! As runc and docker read them, and stricter where one of them was wrong once:
//! - Digits are a number and never a name, whatever /etc/passwd says; above 2³¹−1 they are refused.
//! - `:`, `alice:` and `:staff` are refused; so are signs and hexadecimal digits.
//! - /etc/passwd and /etc/group are untrusted: opened inside the root, regular files only, of a size
//!   that is bounded; a line that is not well formed is not there.
//! - Nothing of the host is asked: no NSS, no library.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use teu_kernel::openat2::{OpenFlags, open_in_root};

/// Who a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// User.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// All supplementary groups, the primary one first: without it, a file that its group may not
    /// read could be read (CVE-2022-36109).
    pub groups: Vec<u32>,
    /// Home directory by /etc/passwd, else `/`.
    pub home: String,
    /// Login name by /etc/passwd, if there is one.
    pub name: Option<String>,
}

/// Why a user cannot be used. Docker's words where there are some.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No such name.
    #[error("unable to find user {user}: no matching entries in passwd file")]
    NoUser {
        /// What was asked for.
        user: String,
    },
    /// No such name.
    #[error("unable to find group {group}: no matching entries in group file")]
    NoGroup {
        /// What was asked for.
        group: String,
    },
    /// Too large a number.
    #[error("uids and gids must be in range 0-2147483647, and `{given}` is not")]
    Range {
        /// What was asked for.
        given: String,
    },
    /// Not `user[:group]`.
    #[error("`{given}` is not a user; one looks like name, uid, name:group or uid:gid")]
    Form {
        /// What was asked for.
        given: String,
    },
    /// A file of the image could not be read.
    #[error("cannot read {path} of the image")]
    Read {
        /// Which.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A file of the image is larger than any true one.
    #[error("{path} of the image is larger than {mib} MiB")]
    TooLarge {
        /// Which.
        path: &'static str,
        /// What is allowed.
        mib: u64,
    },
    /// The kernel takes 65,536.
    #[error("a process can be in 65536 groups at most")]
    TooManyGroups,
}

impl UserError {
    /// Advice, where there is some.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            UserError::NoUser { .. } => {
                Some("the name must stand in the image's /etc/passwd; a number works without")
            }
            UserError::NoGroup { .. } => {
                Some("the name must stand in the image's /etc/group; a number works without")
            }
            _ => None,
        }
    }
}

const FILE_MAX: u64 = 16 << 20;
/// More than any line that means something; the rest of a longer one is skipped.
const LINE_MAX: u64 = 1 << 20;
const GROUPS_MAX: usize = 65536;
const ID_MAX: u64 = i32::MAX as u64;

/// Who `user` is in the image at `root`, with the groups `group_add` besides.
pub fn resolve(root: BorrowedFd<'_>, user: &str, group_add: &[String]) -> Result<Ids, UserError> {
    let asked = Asked::parse(user)?;
    let mut ids = Ids { uid: 0, gid: 0, groups: Vec::new(), home: "/".into(), name: None };
    find_user(root, &asked.user, &mut ids)?;
    let wanted = group_add.iter().map(|group| Name::parse(group)).collect::<Result<Vec<_>, _>>()?;
    find_groups(root, &asked, &wanted, &mut ids)?;
    Ok(ids)
}

/// A name or a number, told apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    Number(u32),
    Text(String),
}

impl Name {
    fn parse(text: &str) -> Result<Name, UserError> {
        let given = || text.chars().take(100).collect::<String>();
        if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
            let number = text.parse::<u64>().ok().filter(|number| *number <= ID_MAX);
            let number = number.and_then(|number| u32::try_from(number).ok());
            return number.map(Name::Number).ok_or_else(|| UserError::Range { given: given() });
        }
        // Go's parser, which others use, reads signs and 0x as numbers; a login has none of this.
        let number_like = text.starts_with(['-', '+'])
            || text.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
        let breaks_lines = text.contains([':', '\n', '\r', '\0']);
        if text.is_empty() || number_like || breaks_lines || text.len() > 256 {
            return Err(UserError::Form { given: given() });
        }
        Ok(Name::Text(text.to_string()))
    }
}

#[derive(Debug)]
struct Asked {
    user: Name,
    group: Option<Name>,
}

impl Asked {
    fn parse(text: &str) -> Result<Asked, UserError> {
        if text.is_empty() {
            return Ok(Asked { user: Name::Number(0), group: None });
        }
        let form = || UserError::Form { given: text.chars().take(100).collect() };
        let (user, group) = match text.split_once(':') {
            None => (text, None),
            Some((user, group)) if !user.is_empty() && !group.is_empty() => (user, Some(group)),
            Some(_) => return Err(form()),
        };
        Ok(Asked { user: Name::parse(user)?, group: group.map(Name::parse).transpose()? })
    }
}

fn find_user(root: BorrowedFd<'_>, user: &Name, ids: &mut Ids) -> Result<(), UserError> {
    let mut found = false;
    each_line(root, "/etc/passwd", |line| {
        let Some(entry) = Passwd::parse(line) else { return true };
        let same = match user {
            Name::Number(uid) => entry.uid == *uid,
            Name::Text(name) => entry.name == name,
        };
        if same {
            found = true;
            (ids.uid, ids.gid) = (entry.uid, entry.gid);
            ids.name = Some(entry.name.to_string());
            if entry.home.starts_with('/') {
                ids.home = entry.home.to_string();
            }
        }
        !same
    })?;
    match user {
        _ if found => Ok(()),
        Name::Number(uid) => {
            ids.uid = *uid;
            Ok(())
        }
        Name::Text(name) => Err(UserError::NoUser { user: name.clone() }),
    }
}

fn find_groups(
    root: BorrowedFd<'_>,
    asked: &Asked,
    wanted: &[Name],
    ids: &mut Ids,
) -> Result<(), UserError> {
    // Without an explicit group the user is in all that list its name; a number without a name is in
    // none.
    let member = ids.name.clone().filter(|_| asked.group.is_none());
    let named = |name: &Name| matches!(name, Name::Text(_));
    let mut primary = asked.group.clone().filter(named);
    let mut added: Vec<Option<u32>> = wanted
        .iter()
        .map(|name| if let Name::Number(gid) = name { Some(*gid) } else { None })
        .collect();
    let mut groups = Vec::new();
    if let Some(Name::Number(gid)) = asked.group {
        ids.gid = gid;
    }
    let mut overflow = false;
    if member.is_some() || primary.is_some() || added.contains(&None) {
        each_line(root, "/etc/group", |line| {
            let Some(entry) = Group::parse(line) else { return true };
            if member.as_deref().is_some_and(|name| entry.has_member(name)) {
                groups.push(entry.gid);
                overflow |= groups.len() > GROUPS_MAX;
            }
            if primary.as_ref().is_some_and(|name| entry.is(name)) {
                ids.gid = entry.gid;
                primary = None;
            }
            for (name, gid) in wanted.iter().zip(&mut added) {
                if gid.is_none() && entry.is(name) {
                    *gid = Some(entry.gid);
                }
            }
            !overflow
        })?;
    }
    let missing = wanted.iter().zip(&added).find(|(_, gid)| gid.is_none()).map(|(name, _)| name);
    if let Some(Name::Text(group)) = primary.as_ref().or(missing) {
        return Err(UserError::NoGroup { group: group.clone() });
    }
    ids.groups = vec![ids.gid];
    let mut seen = std::collections::HashSet::from([ids.gid]);
    ids.groups
        .extend(groups.into_iter().chain(added.into_iter().flatten()).filter(|g| seen.insert(*g)));
    if overflow || ids.groups.len() > GROUPS_MAX {
        return Err(UserError::TooManyGroups);
    }
    Ok(())
}

/// A number in one of the two files; a larger one makes its line void.
fn id(text: &str) -> Option<u32> {
    let number = text.parse::<u64>().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()))?;
    u32::try_from(number).ok().filter(|_| number <= ID_MAX)
}

/// A line of `passwd(5)`.
struct Passwd<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Passwd<'a> {
    fn parse(line: &'a str) -> Option<Passwd<'a>> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let (uid, gid) = (id(fields.nth(1)?)?, id(fields.next()?)?);
        Some(Passwd { name, uid, gid, home: fields.nth(1).unwrap_or("") })
    }
}

/// A line of `group(5)`.
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn parse(line: &'a str) -> Option<Group<'a>> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = id(fields.nth(1)?)?;
        Some(Group { name, gid, members: fields.next().unwrap_or("") })
    }

    fn is(&self, name: &Name) -> bool {
        matches!(name, Name::Text(name) if name == self.name)
    }

    fn has_member(&self, name: &str) -> bool {
        self.members.split(',').any(|member| member == name)
    }
}

/// Hands each line of a file of the image to `line` until it says `false`. A file that is not there
/// has no lines.
fn each_line(
    root: BorrowedFd<'_>,
    path: &'static str,
    mut line: impl FnMut(&str) -> bool,
) -> Result<(), UserError> {
    let failed = |source| UserError::Read { path, source };
    // Not blocking: it could be a FIFO.
    let flags = OpenFlags::RDONLY | OpenFlags::NONBLOCK | OpenFlags::NOCTTY;
    let file = match open_in_root(root.as_fd(), Path::new(path), flags, 0) {
        Ok(fd) => std::fs::File::from(fd),
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    if about.len() > FILE_MAX {
        return Err(UserError::TooLarge { path, mib: FILE_MAX >> 20 });
    }
    let mut reader = BufReader::with_capacity(32 << 10, file.take(FILE_MAX));
    let mut text = Vec::new();
    loop {
        text.clear();
        let length = reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut text).map_err(failed)?;
        if length == 0 {
            return Ok(());
        }
        if text.last() != Some(&b'\n') && text.len() as u64 == LINE_MAX {
            reader.skip_until(b'\n').map_err(failed)?;
            continue;
        }
        let Ok(text) = std::str::from_utf8(&text) else { continue };
        let text = text.trim_end_matches('\n');
        // A carriage return or a NUL would go on into HOME (CVE-2022-4318).
        let plain = !text.contains(|c: char| c.is_control());
        if plain && !text.starts_with('#') && !line(text.trim()) {
            return Ok(());
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
        # 7:x:7:7::/commented:/bin/sh\n\
        1000:x:66:66:digits as a name:/trap:/bin/sh\n\
        alice:x:1000:1000:Alice:/home/alice:/bin/sh\n\
        alice:x:5:5:second:/second:/bin/sh\n\
        big:x:4294967296:0::/:\n\
        neg:x:-1:0::/:\n\
        short:x\n\
        nohome:x:7:7\n\
        evil:x:8:8::/a\rb:\n\
        0x1:x:9:9::/:\n";
    const GROUP: &str = "root:x:0:\nwheel:x:10:root,alice\nstaff:x:50:alice,bob\n1000:x:77:alice\n\
        alice:x:1000:\n60:x:61:\n";

    fn image(name: &str, passwd: &str, group: &str) -> (teu_testkit::TempDir, std::fs::File) {
        let dir = teu_testkit::TempDir::new(name);
        std::fs::create_dir(dir.join("etc")).unwrap();
        std::fs::write(dir.join("etc/passwd"), passwd).unwrap();
        std::fs::write(dir.join("etc/group"), group).unwrap();
        let root = std::fs::File::open::<&Path>(dir.as_ref()).unwrap();
        (dir, root)
    }

    #[track_caller]
    fn check(spec: &str, add: &[&str], expected: &str) {
        let (_dir, root) = image("user", PASSWD, GROUP);
        let add: Vec<String> = add.iter().map(ToString::to_string).collect();
        let got = match resolve(root.as_fd(), spec, &add) {
            Ok(Ids { uid, gid, groups, home, .. }) => format!("{uid}:{gid} {groups:?} {home}"),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(got, expected, "for `{spec}` {add:?}");
    }

    #[test]
    fn who_is_who() {
        check("", &[], "0:0 [0, 10] /root");
        check("root", &[], "0:0 [0, 10] /root");
        check("alice", &[], "1000:1000 [1000, 10, 50, 77] /home/alice");
        check("1000", &[], "1000:1000 [1000, 10, 50, 77] /home/alice");
        check("66", &[], "66:66 [66] /trap");
        check("5", &[], "5:5 [5, 10, 50, 77] /second");
        check("4711", &[], "4711:0 [0] /");
        check("alice:staff", &[], "1000:50 [50] /home/alice");
        check("alice:60", &[], "1000:60 [60] /home/alice");
        check("0:2147483647", &[], "0:2147483647 [2147483647] /root");
        check("nohome", &[], "7:7 [7] /");
        check("alice:50", &["wheel", "5", "5"], "1000:50 [50, 10, 5] /home/alice");
        check("4711", &["1000"], "4711:0 [0, 1000] /");
    }

    #[test]
    fn who_is_not() {
        for digits in ["2147483648", "4294967296", "99999999999999999999999", "0:4294967296"] {
            let given = digits.rsplit(':').next().unwrap();
            check(
                digits,
                &[],
                &format!(
                    "error: uids and gids must be in range 0-2147483647, and `{given}` is not"
                ),
            );
        }
        for form in ["1:", ":0", ":", "0x1", "-1", "+1", "a:b:c", "root:-1", "a\nb"] {
            let got = resolve(image("user-form", PASSWD, GROUP).1.as_fd(), form, &[]);
            assert!(matches!(got, Err(UserError::Form { .. })), "{form}: {got:?}");
        }
        for name in ["1e30", "bob", "big", "neg", "short", "evil", "#", " root"] {
            let expected =
                format!("error: unable to find user {name}: no matching entries in passwd file");
            check(name, &[], &expected);
        }
        let no_group = "error: unable to find group nobody: no matching entries in group file";
        check("root:nobody", &[], no_group);
        check("root", &["wheel", "nobody"], no_group);
    }

    #[test]
    fn an_image_without_files_has_numbers() {
        let dir = teu_testkit::TempDir::new("user-empty");
        let root = std::fs::File::open::<&Path>(dir.as_ref()).unwrap();
        let ids = resolve(root.as_fd(), "12:34", &["56".into()]).unwrap();
        assert_eq!((ids.uid, ids.gid, ids.groups), (12, 34, vec![34, 56]));
        assert!(resolve(root.as_fd(), "root", &[]).is_err());
        assert_eq!(resolve(root.as_fd(), "", &[]).unwrap().uid, 0);
    }

    #[test]
    fn hostile_files() {
        let (dir, root) = image("user-hostile", PASSWD, GROUP);
        let group = dir.join("etc/group");
        // Sparse, 100 MB: refused by its size, not read.
        std::fs::File::create(&group).unwrap().set_len(100 << 20).unwrap();
        let error = resolve(root.as_fd(), "alice", &[]).unwrap_err();
        assert!(matches!(error, UserError::TooLarge { path: "/etc/group", .. }), "{error}");
        // One line without an end.
        std::fs::write(&group, vec![b'a'; 3 << 20]).unwrap();
        assert_eq!(resolve(root.as_fd(), "alice", &[]).unwrap().groups, [1000]);
        // More groups than a process can have.
        let mut many = String::new();
        for gid in 0..70_000 {
            writeln!(many, "g{gid}:x:{gid}:alice").unwrap();
        }
        std::fs::write(&group, many).unwrap();
        assert!(matches!(resolve(root.as_fd(), "alice", &[]), Err(UserError::TooManyGroups)));
        // A directory; a link out of the root.
        std::fs::remove_file(&group).unwrap();
        std::fs::create_dir(&group).unwrap();
        assert!(matches!(resolve(root.as_fd(), "alice", &[]), Err(UserError::Read { .. })));
        std::fs::remove_dir(&group).unwrap();
        std::os::unix::fs::symlink("/../../../../../../../../etc/group", &group).unwrap();
        assert!(resolve(root.as_fd(), "alice", &[]).is_err(), "a link to itself, inside");
    }
}
