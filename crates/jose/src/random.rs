//! Random octets from the system's generator.

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::base64url;

/// `N` random octets.
///
/// # Panics
/// If the system has no random numbers to give: nothing this crate is for can go on then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's random number generator answers");
    bytes
}

/// A secret of 256 bits as 43 characters of base64url: for clients, callbacks and the like.
///
/// # Panics
/// As [`random_bytes`].
pub fn random_secret() -> Zeroizing<String> {
    let bytes = Zeroizing::new(random_bytes::<32>());
    Zeroizing::new(base64url::encode(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_secrets_differ_and_have_43_characters() {
        let (one, other) = (random_secret(), random_secret());
        assert_ne!(*one, *other);
        assert_eq!(one.len(), 43);
    }
}
