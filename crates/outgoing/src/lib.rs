//! The one way out over HTTP: every call to another house goes through [`Outgoing`].
//!
//! ```text
//!  Settings ──open──► Outgoing ──request(method, url)──► builder ──send / send_stream / send_upload──► answer
//!                        │  scheme and IP literals checked                      │
//!                        ├─ guarded resolver: names → addresses, checked        ├─ read_bounded(answer, max)
//!                        └─ rustls (aws-lc-rs), no proxies, no redirects        └─ Download::next(), idle limit
//! ```
//!
//! Two reaches: [`Reach::Trusted`] for peers that the operator wrote into the settings, [`Reach::Public`] for URLs
//! that somebody else chose (callbacks), which must not lead into the house.
//!
//! It must never follow a redirect, take a proxy from the environment, repeat a call that was not handed in as repeatable,
//! read an answer without a bound, or print a URL's path or query, a header or a body. Each call ends within the limits of [`Timeouts`].
//!
//! Start reading at [`Outgoing::request`], then [`Failure`].

mod address;
mod answer;
mod cidr;
mod client;
mod failure;
mod resolver;
mod retry_after;
mod settings;
mod tls;
mod told;
mod upload;

pub use answer::{Download, read_bounded};
pub use cidr::{Cidr, MalformedCidr};
pub use client::Outgoing;
pub use failure::{Failure, NotOpened, Refusal};
pub use retry_after::retry_after;
pub use settings::{Identity, PlainHttp, Reach, Settings, Timeouts};
pub use tls::{client_config, tls_provider};

#[cfg(test)]
mod tests;
