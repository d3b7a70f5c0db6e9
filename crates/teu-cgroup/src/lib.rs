//! teu-cgroup.
