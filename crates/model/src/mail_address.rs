//! Addresses of electronic mail, strict enough that nothing can be smuggled into a header or an SMTP command.

use std::fmt;
use std::str::FromStr;

/// `local@domain` in the dot-atom form of RFC 5321: visible ASCII without quotes, comments, spaces or control characters.
/// Prints as `…`, since it may be somebody's own; reading it is a loud call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MailAddress(String);

/// The text is not an address we write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address of the plain form name@host.example in ASCII")]
pub struct MalformedMailAddress;

/// RFC 5321 §4.5.3.1.
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;
const LONGEST_LABEL: usize = 63;

impl MailAddress {
    /// The address itself. Only for the envelope, the header and the one column that keeps it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailAddress {
    type Err = MalformedMailAddress;

    fn from_str(text: &str) -> Result<Self, MalformedMailAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(MalformedMailAddress)?;
        let fits = text.len() <= LONGEST
            && local.len() <= LONGEST_LOCAL
            && local.split('.').all(is_atom)
            && domain.contains('.')
            && domain.split('.').all(is_label);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(MalformedMailAddress)
        }
    }
}

/// `atext` of RFC 5322 §3.2.3.
fn is_atom(text: &str) -> bool {
    let is_atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    !text.is_empty() && text.bytes().all(is_atext)
}

fn is_label(text: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(text: &str) -> Result<(), MalformedMailAddress> {
        let address: MailAddress = text.parse()?;
        assert_eq!(address.reveal(), text);
        assert_eq!(format!("{address:?}"), "…");
        Ok(())
    }

    #[test]
    fn plain_addresses_are_taken() {
        for text in [
            "bau@example.org",
            "bau.aufsicht+fit@amt-1.example.de",
            "o'neill@xn--mter-5qa.example",
        ] {
            assert_eq!(is_taken(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn whatever_could_carry_something_else_is_refused() {
        let long_local = format!("{}@example.org", "a".repeat(65));
        let long = format!("a@{}.example", "b.".repeat(130));
        for text in [
            "",
            "bau",
            "@example.org",
            "bau@",
            "bau@localhost",
            "bau@[127.0.0.1]",
            "bau@example..org",
            "bau@-example.org",
            ".bau@example.org",
            "bau.@example.org",
            "bau@example.org\r\nBcc: all@example.org",
            "bau@example.org\nX: y",
            "bau\r\n@example.org",
            "bau@example.org>",
            "<bau@example.org",
            "Bau <bau@example.org>",
            "bau@example.org,other@example.org",
            "bau@example.org other@example.org",
            "\"bau aufsicht\"@example.org",
            "bau(comment)@example.org",
            "bäu@example.org",
            "bau@exämple.org",
            "bau\0@example.org",
            "other@example.org@example.org",
            &long_local,
            &long,
        ] {
            assert_eq!(is_taken(text), Err(MalformedMailAddress), "{text:?}");
        }
    }
}
