//! Our JOSE profile: the only place that sees key bytes.
//!
//! ```text
//!            jwk ─ private ─ key_set          what a key must look like, all faults at once
//!             │ └── trust                     whom its certificate must come from
//!             │
//!   seal ─────┼───► jwe ────► open            RSA-OAEP-256 + A256GCM, whole or streamed
//!             │      └─ JweScanner            structure alone, for who holds no key
//!   sign ─────┴───► jws ────► verify          PS512, salt of 64 bytes
//!
//!   token (HS256)   mac (HMAC)   digest (SHA-512)   random   cms (encrypted mail)
//! ```
//!
//! One algorithm per job, none to choose: the submission service fixes them ("FIT-Connect, Verschlüsselung", "SET payload
//! 1.2.2"). Keys, headers and compact signatures go over `josekit`; the arithmetic is done by `aws-lc-rs` (RSA, whole GCM) and
//! OpenSSL (incremental GCM, certificates). A strict parser of our own stands in front of both, since `josekit` 0.10.3 takes
//! shortened tags, panics on an empty IV, passes over `crit`, inflates without bound and takes padded base64url.
//!
//! This crate draws random numbers and does nothing else outside itself: no files, no network, no clock (`now` is handed in).
//! It must never print a key, a secret or a plaintext, never tell apart why opening failed, and never inflate or buffer without
//! a bound. Calls that sign, open or generate take milliseconds to seconds of computing: keep them off async workers.
//!
//! Start reading at [`jwk`], then [`jwe`].

mod base64url;
mod certificate;
pub mod cms;
mod digest;
mod generate;
pub mod jwe;
pub mod jwk;
mod jwk_parts;
mod jws;
mod key_fault;
mod key_set;
pub mod mac;
mod private;
mod ps512;
mod random;
mod token;
mod trust;
mod weak;

pub use certificate::{Certificate, SelfSigned};
pub use digest::{Sha256Stream, Sha512Stream, sha256_hex, sha512_hex};
pub use generate::NotGenerated;
pub use jwe::{
    Envelope, Header, Jwe, JweScanner, Malformed, NotOpened, NotSealed, OpenReader, SealWriter,
    Tag, open, seal,
};
pub use jwk::{KeyUse, PublicKey, X5c};
pub use jws::{Jws, JwsHeader, MalformedJws, NotSigned, NotVerified, sign};
pub use key_fault::{KeyFault, RefusedKey};
pub use key_set::{KeySet, MalformedKeySet};
pub use private::PrivateKey;
pub use random::{random_bytes, random_secret};
pub use token::{MalformedTokenKey, RefusedToken, TokenKey};
pub use trust::{CertificateRule, MalformedAnchors, TrustAnchors};
pub use zeroize::Zeroizing;
