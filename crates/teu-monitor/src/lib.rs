//! teu-monitor.
