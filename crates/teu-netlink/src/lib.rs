//! teu-netlink.
