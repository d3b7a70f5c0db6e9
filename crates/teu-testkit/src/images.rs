//! Images that tests run, made once and kept in /var/cache/teu-test.
//!
//! A state root in which an image lies already is kept there too; a test gets a copy by hard links, so
//! that 500 MB cost it nothing. What teu changes it writes anew and renames, so copies stay apart.

use crate::Teu;
use crate::teu::{run_plain, shell};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const CACHE: &str = "/var/cache/teu-test";
const DEBIAN: &str = include_str!("debian.sh");

/// An image in the cache.
#[derive(Clone, Debug)]
pub struct CachedImage {
    /// Its root file system.
    pub tar: PathBuf,
    store: PathBuf,
}

impl CachedImage {
    /// Puts it into the empty state root `root`.
    pub fn give(&self, root: &Path) {
        run_plain(Command::new("cp").arg("-al").arg(self.store.join(".")).arg(root));
        // What happened in the cache's own root; a file that is appended to is not shared by names.
        match std::fs::remove_dir_all(root.join("events")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }
}

/// `busybox`: Debian's static one, with all its names in /bin.
pub fn busybox() -> &'static CachedImage {
    static IMAGE: OnceLock<CachedImage> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let _lock = lock("busybox");
        let tar = Path::new(CACHE).join("busybox.tar");
        if is_older(&tar, Path::new("/bin/busybox")) {
            make_busybox(&tar);
        }
        with_store("busybox", &["--change", "CMD [\"sh\"]"], tar)
    })
}

/// `debian`: a real one with bash, apt, nginx, redis and PostgreSQL.
pub fn debian() -> &'static CachedImage {
    static IMAGE: OnceLock<CachedImage> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let tar = debian_directory().join("root.tar");
        let _lock = lock("debian-store");
        with_store("debian", &["--change", "CMD [\"bash\"]"], tar)
    })
}

/// Where the Debian image lies as `root.tar`, as the OCI layout `oci`, and beside it `hello.deb`.
pub fn debian_directory() -> PathBuf {
    let _lock = lock("debian");
    let directory = Path::new(CACHE).join("debian");
    let recipe = directory.join("recipe");
    if fs::read_to_string(&recipe).is_ok_and(|text| text == DEBIAN) {
        return directory;
    }
    fs::create_dir_all(&directory).expect("the cache of the tests");
    run_plain(Command::new("sh").args(["-c", DEBIAN, "debian.sh"]).arg(&directory));
    // Written last: what it stands beside is whole.
    fs::write(&recipe, DEBIAN).expect("the cache of the tests");
    directory
}

fn make_busybox(tar: &Path) {
    let directory = crate::TempDir::new("busybox");
    let (directory, tar) = (directory.display(), tar.display());
    shell(&format!(
        "cd {directory}; mkdir -p bin etc tmp root home proc sys dev var/www
         chmod 755 .; chmod 1777 tmp; chmod 700 root
         cp /bin/busybox bin/busybox; chroot . /bin/busybox --install -s /bin
         printf 'root:x:0:0:root:/root:/bin/sh\\nuser:x:1000:1000::/home:/bin/sh\\n' >etc/passwd
         printf 'root:x:0:\\nuser:x:1000:\\nstaff:x:50:user\\n' >etc/group
         tar --numeric-owner --owner=0 --group=0 --sort=name -cf {tar}.new .
         mv {tar}.new {tar}"
    ));
}

/// Imports it into a state root in the cache, unless the same teu has done so before.
fn with_store(name: &str, options: &[&str], tar: PathBuf) -> CachedImage {
    let store = Path::new(CACHE).join(format!("store-{name}"));
    let made_by = Path::new(CACHE).join(format!("store-{name}.made-by"));
    let now = format!("{} {}", stamp(Teu::binary()), stamp(&tar));
    if !fs::read_to_string(&made_by).is_ok_and(|text| text == now) {
        run_plain(Command::new("rm").arg("-rf").arg(&store));
        fs::create_dir_all(&store).expect("the cache of the tests");
        let mut import = Command::new(Teu::binary());
        import.arg("--root").arg(&store).arg("import").args(options).arg(&tar).arg(name);
        run_plain(&mut import);
        let run = crate::teu::run_dir_of(&store);
        run_plain(Command::new("rm").arg("-rf").arg(run));
        fs::write(&made_by, &now).expect("the cache of the tests");
    }
    CachedImage { tar, store }
}

fn stamp(path: &Path) -> String {
    let about = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    format!("{} {}.{:09}", about.len(), about.mtime(), about.mtime_nsec())
}

fn is_older(made: &Path, source: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    time(made).is_none_or(|made| time(source).is_some_and(|source| made < source))
}

/// Held until dropped: several test programs may run at once.
fn lock(name: &str) -> File {
    fs::create_dir_all(CACHE).expect("the cache of the tests");
    let path = Path::new(CACHE).join(format!("{name}.lock"));
    let file = File::create(path).expect("the cache of the tests");
    file.lock().expect("a lock");
    file
}
