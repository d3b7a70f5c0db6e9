//! What a stack of layers is called.

use teu_model::{ChainId, DiffId, Digest};

/// The name of the stack `layers`, lowest first. OCI does not say what no layers at all are called;
/// here it is the hash of nothing.
pub fn chain_id(layers: &[DiffId]) -> ChainId {
    let mut rest = layers.iter();
    let Some(first) = rest.next() else { return ChainId(sha256(b"")) };
    rest.fold(ChainId(first.0.clone()), |below, diff| {
        ChainId(sha256(format!("{below} {diff}").as_bytes()))
    })
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    // A SHA-256 is 32 bytes long.
    Digest::from_sha256(hash.as_ref().try_into().unwrap_or([0; 32]))
}

#[test]
fn as_the_specification_says() {
    let diff = |digit: &str| DiffId(Digest::from_hex(&digit.repeat(64)).unwrap());
    assert_eq!(chain_id(&[diff("1")]).0, diff("1").0);
    let two = chain_id(&[diff("1"), diff("2")]);
    let text = format!("sha256:{} sha256:{}", "1".repeat(64), "2".repeat(64));
    assert_eq!(two.0, sha256(text.as_bytes()));
    let three = chain_id(&[diff("1"), diff("2"), diff("3")]);
    assert_eq!(three.0, sha256(format!("{two} {}", diff("3")).as_bytes()));
}
