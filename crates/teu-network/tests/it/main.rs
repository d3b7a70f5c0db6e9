//! The network as the kernel has it. Every test makes network namespaces of its own.

mod bridge;
mod firewall;
mod leases;
mod machine;
mod traffic;
