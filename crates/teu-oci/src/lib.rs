//! teu-oci.
