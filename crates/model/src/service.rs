//! Administrative services (*Verwaltungsleistungen*), named by URN.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const LEIKA_PREFIX: &str = "urn:de:fim:leika:leistung:";

/// The text is not a service URN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a service: expected a URN of 7 to 255 characters such as {LEIKA_PREFIX}99012008001000"
)]
pub struct MalformedService;

/// A service's URN, 7–255 characters, `urn:<nid>:<nss>` (Submission API 1.1.3, `serviceType.identifier`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceId(String);

impl ServiceId {
    /// The service of a 14-digit LeiKa key (`^99\d{12}$`).
    pub fn from_leika(key: &str) -> Result<Self, MalformedService> {
        let fits =
            key.len() == 14 && key.starts_with("99") && key.bytes().all(|b| b.is_ascii_digit());
        if fits {
            Ok(Self(format!("{LEIKA_PREFIX}{key}")))
        } else {
            Err(MalformedService)
        }
    }

    /// The LeiKa key, if the URN is one of the LeiKa catalogue.
    pub fn leika(&self) -> Option<&str> {
        self.0.strip_prefix(LEIKA_PREFIX)
    }

    /// The URN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ServiceId {
    type Error = MalformedService;

    fn try_from(text: String) -> Result<Self, MalformedService> {
        if is_urn(&text) {
            Ok(Self(text))
        } else {
            Err(MalformedService)
        }
    }
}

// ^urn:[a-z0-9][a-z0-9-]{0,31}:[a-z0-9()+,.:=@;$_!*'%/?#-]+$
fn is_urn(text: &str) -> bool {
    if !(7..=255).contains(&text.len()) {
        return false;
    }
    let Some((nid, nss)) = text
        .strip_prefix("urn:")
        .and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=32).contains(&nid.len())
        && !nid.starts_with('-')
        && nid.bytes().all(|b| lower(b) || b == b'-')
        && !nss.is_empty()
        && nss
            .bytes()
            .all(|b| lower(b) || b"()+,.:=@;$_!*'%/?#-".contains(&b))
}

impl FromStr for ServiceId {
    type Err = MalformedService;

    fn from_str(text: &str) -> Result<Self, MalformedService> {
        Self::try_from(text.to_owned())
    }
}

impl From<ServiceId> for String {
    fn from(id: ServiceId) -> Self {
        id.0
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_lower_case_urns() {
        for good in [
            "urn:de:fim:leika:leistung:99012008001000",
            "urn:schema-fitko-de:fit-connect:id.bund.de:message_v6",
            "urn:de:x",
        ] {
            assert!(good.parse::<ServiceId>().is_ok(), "{good}");
        }
        let long = format!("urn:de:{}", "x".repeat(249));
        for bad in [
            "urn:de:",
            "urn::abc",
            "URN:DE:ABC",
            "urn:-a:abc",
            "https://example.org/",
            &long,
        ] {
            assert!(bad.parse::<ServiceId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_leika_key_and_its_urn_are_two_spellings() {
        let id = ServiceId::from_leika("99012008001000").unwrap();
        assert_eq!(id.leika(), Some("99012008001000"));
        assert!(ServiceId::from_leika("99").is_err());
        assert!(ServiceId::from_leika("12012008001000").is_err());
    }
}
