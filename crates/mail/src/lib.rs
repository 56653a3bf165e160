//! The one way out over SMTP: hands a letter to the operator's mail server.
//!
//! ```text
//!  Settings ──open──► Smtp ──send(Letter)──► the operator's server: TLS, login, one connection per letter
//!                                      └──► Ok, or Undelivered: later, or never
//! ```
//!
//! One call is one try. It must never repeat a call, take an address that is not a [`MailAddress`](amtsbote_model::MailAddress), or print an address, a
//! letter or the server's words (which repeat addresses).
//!
//! Start reading at [`Smtp::send`].

mod letter;
mod settings;
mod smtp;

pub use letter::Letter;
pub use settings::{Login, Security, Settings};
pub use smtp::{NotOpened, Smtp, Undelivered};
