//! A real registry (Debian's `docker-registry`) on loopback, for as long as a test wants it.
//!
//! What it serves is written straight into its storage, so that a test of pulling depends on no
//! pushing tool.

use crate::{Need, TempDir, have};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// What the registry asks of its callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistryOptions {
    /// https, with a certificate signed by an authority made for it ([`Registry::ca_dir`]).
    pub tls: bool,
    /// With `tls`: the certificate is its own authority, as docker's guide makes them.
    pub self_signed: bool,
    /// User [`Registry::USER`], password [`Registry::PASSWORD`].
    pub password: bool,
}

/// A running registry. It ends with its owner, and with the test program however that ends.
#[derive(Debug)]
pub struct Registry {
    child: Child,
    /// The shell waits for the end of this pipe; the kernel closes it when we die.
    leash: Option<ChildStdin>,
    address: String,
    directory: TempDir,
}

impl Registry {
    /// The only user.
    pub const USER: &'static str = "teu";
    /// The user's password.
    pub const PASSWORD: &'static str = "sesame";

    /// Whether the packages docker-registry, openssl and apache2-utils are there.
    pub fn have() -> bool {
        ["docker-registry", "openssl", "htpasswd"]
            .into_iter()
            .all(|program| have(Need::Program(program)))
    }

    /// Starts one and waits until it accepts connections.
    pub fn start(options: RegistryOptions) -> Registry {
        let directory = TempDir::new("registry");
        fs::create_dir(directory.join("ca")).expect("a directory in our own");
        if options.password {
            let mut htpasswd = Command::new("htpasswd");
            let line = run(htpasswd.args(["-Bbn", Self::USER, Self::PASSWORD]));
            fs::write(directory.join("htpasswd"), line).expect("writing htpasswd");
        }
        let port = free_port();
        let address = format!("127.0.0.1:{port}");
        if options.tls {
            make_certificates(&directory, &address, options.self_signed);
        }
        fs::write(directory.join("config.yml"), config(&directory, &address, options))
            .expect("writing the registry's configuration");
        let (child, leash) = spawn(&directory);
        let mut registry = Registry { child, leash: Some(leash), address, directory };
        registry.wait_until_it_listens();
        registry
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Laid out as docker's certs.d, with the registry's authority.
    pub fn ca_dir(&self) -> PathBuf {
        self.directory.join("ca")
    }

    /// docker's `config.json` with the user's password.
    pub fn docker_config(&self) -> PathBuf {
        let path = self.directory.join("config.json");
        let entry = format!(
            r#"{{"auths":{{"{}":{{"username":"{}","password":"{}"}}}}}}"#,
            self.address,
            Self::USER,
            Self::PASSWORD
        );
        fs::write(&path, entry).expect("writing config.json");
        path
    }

    /// Keeps `bytes`, whose SHA-256 is `hex`, as a blob of `repository`.
    pub fn put_blob(&self, repository: &str, hex: &str, bytes: &[u8]) {
        self.put(&format!("blobs/sha256/{}/{hex}/data", &hex[..2]), bytes);
        self.link(&format!("repositories/{repository}/_layers/sha256/{hex}/link"), hex);
    }

    /// Keeps `bytes`, whose SHA-256 is `hex`, as the manifest that `tag` names.
    pub fn put_manifest(&self, repository: &str, tag: &str, hex: &str, bytes: &[u8]) {
        let manifests = format!("repositories/{repository}/_manifests");
        self.put(&format!("blobs/sha256/{}/{hex}/data", &hex[..2]), bytes);
        self.link(&format!("{manifests}/revisions/sha256/{hex}/link"), hex);
        self.link(&format!("{manifests}/tags/{tag}/current/link"), hex);
        self.link(&format!("{manifests}/tags/{tag}/index/sha256/{hex}/link"), hex);
    }

    /// What the registry printed: its log of requests.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn link(&self, name: &str, hex: &str) {
        self.put(name, format!("sha256:{hex}").as_bytes());
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.directory.join("data/docker/registry/v2").join(name);
        let parent = path.parent().expect("it lies in the storage");
        fs::create_dir_all(parent).expect("a directory in our own");
        fs::write(path, bytes).expect("writing to the registry's storage");
    }

    fn wait_until_it_listens(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(&self.address).is_err() {
            let ended = self.child.try_wait().expect("our own child");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "docker-registry does not serve: {ended:?}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.leash = None;
        if let Err(error) = self.child.wait() {
            eprintln!("docker-registry could not be waited for: {error}");
        }
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn config(directory: &Path, address: &str, options: RegistryOptions) -> String {
    let at = directory.display();
    let mut text = format!(
        "version: 0.1\n\
         log: {{level: info, accesslog: {{disabled: false}}}}\n\
         storage: {{filesystem: {{rootdirectory: {at}/data}}, delete: {{enabled: true}}}}\n\
         http:\n  addr: {address}\n"
    );
    if options.tls {
        text += &format!("  tls: {{certificate: {at}/server.crt, key: {at}/server.key}}\n");
    }
    if options.password {
        text += &format!("auth: {{htpasswd: {{realm: teu, path: {at}/htpasswd}}}}\n");
    }
    text
}

/// The shell ends the registry when its standard input ends.
fn spawn(directory: &Path) -> (Child, ChildStdin) {
    let log = fs::File::create(directory.join("log")).expect("a file in our own directory");
    let script = "docker-registry serve \"$1\" </dev/null & read -r _; kill -9 $!; wait $!";
    let mut child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(directory.join("config.yml"))
        .stdin(Stdio::piped())
        .stdout(log.try_clone().expect("a copy of a descriptor"))
        .stderr(log)
        .spawn()
        .expect("a shell");
    let leash = child.stdin.take().expect("a piped standard input");
    (child, leash)
}

/// An authority in `ca/<address>/ca.crt`, and a certificate for 127.0.0.1 and localhost.
fn make_certificates(directory: &Path, address: &str, self_signed: bool) {
    let script = r#"
        set -e; cd "$1"; mkdir -p "ca/$2"
        new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@"; }
        names=subjectAltName=DNS:localhost,DNS:registry.test,IP:127.0.0.1
        if [ "$3" = true ]; then
            new -x509 -days 2 -subj /CN=localhost -addext $names -keyout server.key -out server.crt
            cp server.crt "ca/$2/ca.crt"
        else
            new -x509 -days 2 -subj /CN=teu-test-authority -keyout ca.key -out "ca/$2/ca.crt"
            new -subj /CN=localhost -keyout server.key -out server.csr
            printf '%s\nbasicConstraints=CA:FALSE\n' $names >server.ext
            openssl x509 -req -in server.csr -days 2 -extfile server.ext \
                -CA "ca/$2/ca.crt" -CAkey ca.key -CAcreateserial -out server.crt
        fi
    "#;
    let arguments = [directory.as_os_str(), address.as_ref(), self_signed.to_string().as_ref()]
        .map(std::ffi::OsStr::to_os_string);
    run(Command::new("sh").args(["-c", script, "sh"]).args(arguments));
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    output.stdout
}
