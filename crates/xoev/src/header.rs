//! The values of a message header.

use amtsbote_model::{ParcelId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// With this a reference begins that a sender gives to a connection test: the message says in its root that it is one
/// (XÖV-Basisnachricht), and must not be processed. Long enough that nobody begins so by chance.
pub const TEST_REFERENCE: &str = "AMTSBOTE-VERBINDUNGSTEST";

/// What such a message says in its root.
const TEST: &str = "Verbindungstest";

/// What a message's root says in `test`: what the package says, or that this one is a connection test; nothing for any other.
pub fn test_mark<'a>(package: Option<&'a str>, reference: Option<&str>) -> Option<&'a str> {
    let is_test = reference.is_some_and(|reference| reference.starts_with(TEST_REFERENCE));
    package.or(is_test.then_some(TEST))
}

/// Who writes messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// `produkt`.
    pub name: &'static str,
    /// `produkthersteller`.
    pub maker: &'static str,
    /// `produktversion`: major and minor only, so that expected documents outlive patches.
    pub version: &'static str,
}

/// This program.
const AMTSBOTE: Product = Product {
    name: "Amtsbote",
    maker: "Amtsbote-Projekt",
    version: concat!(
        env!("CARGO_PKG_VERSION_MAJOR"),
        ".",
        env!("CARGO_PKG_VERSION_MINOR")
    ),
};

impl Default for Product {
    fn default() -> Self {
        AMTSBOTE
    }
}

/// What one message's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `nachrichtenUUID`.
    pub uuid: Uuid,
    /// `erstellungszeitpunkt`: RFC 3339 with milliseconds and zone.
    pub created_at: String,
}

impl Header {
    /// A message sent again keeps its UUID, a corrected one gets a new one (XÖV-Basisnachricht): so it is made of the
    /// parcel's id (UUID version 5), which a correction changes. The same input has to give the same bytes, so the moment is
    /// that of receipt.
    pub fn new(parcel: ParcelId, received_at: Timestamp) -> Self {
        Self {
            uuid: Uuid::new_v5(&parcel.uuid(), b"message"),
            created_at: received_at.to_rfc3339(),
        }
    }

    /// An id for a part of the message that needs one of its own, such as `/abweichung/0`: the same on repeat.
    pub fn part(&self, place: &str) -> Uuid {
        Uuid::new_v5(&self.uuid, place.as_bytes())
    }

    /// The day, `yyyymmdd`, in UTC.
    pub fn date(&self) -> String {
        self.created_at
            .chars()
            .take(10)
            .filter(char::is_ascii_digit)
            .collect()
    }

    /// `$message` for templates.
    pub fn source(&self, product: &Product, test: Option<&str>) -> Value {
        json!({
            "uuid": self.uuid.to_string(),
            "created_at": self.created_at,
            "produkt": product.name,
            "produkthersteller": product.maker,
            "produktversion": product.version,
            "test": test,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_and_connection_tests_mark_messages() {
        for (package, reference, expected) in [
            (None, None, None),
            (None, Some("TEST"), None),
            (None, Some("amtsbote-verbindungstest"), None),
            (None, Some("AZ AMTSBOTE-VERBINDUNGSTEST"), None),
            (
                None,
                Some("AMTSBOTE-VERBINDUNGSTEST nicht bearbeiten"),
                Some("Verbindungstest"),
            ),
            (Some("Abnahme"), None, Some("Abnahme")),
            (
                Some("Abnahme"),
                Some("AMTSBOTE-VERBINDUNGSTEST"),
                Some("Abnahme"),
            ),
        ] {
            assert_eq!(
                test_mark(package, reference),
                expected,
                "{package:?} {reference:?}"
            );
        }
    }
}
