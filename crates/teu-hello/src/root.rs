//! What `/` is: `proc_pid_mountinfo(5)`.

/// Name, value, meaning.
pub(crate) fn rows(layers: &str) -> Vec<(&'static str, String, &'static str)> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let (kind, access) = of_root(&mounts).unwrap_or_else(|| ("-".into(), "-".into()));
    let meaning = if kind == "overlay" { "read-only layers below, one writable above" } else { "" };
    let mut rows = vec![("/", format!("{kind}, {access}"), meaning)];
    let layers: Vec<&str> = layers.split(' ').filter(|layer| !layer.is_empty()).collect();
    rows.push(("layers", layers.len().to_string(), "shared by all containers of the image"));
    for layer in layers {
        rows.push(("", layer.chars().take(19).collect::<String>() + "…", ""));
    }
    let own = mounts.lines().count();
    rows.push(("mounts", own.to_string(), "in its own mount namespace"));
    rows
}

/// File system type and `rw` or `ro` of the last mount on `/`.
fn of_root(mounts: &str) -> Option<(String, String)> {
    mounts.lines().rev().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let fields: Vec<&str> = mount.split(' ').collect();
        let [.., "/", options] = fields.get(..6)? else { return None };
        let access =
            if options.split(',').any(|option| option == "ro") { "read-only" } else { "writable" };
        Some((source.split(' ').next()?.to_string(), access.to_string()))
    })
}

#[test]
fn the_root() {
    let line =
        "30 29 0:50 / / rw,relatime - overlay overlay rw\n31 30 0:51 / /proc rw - proc proc rw\n";
    assert_eq!(of_root(line), Some(("overlay".into(), "writable".into())));
}
