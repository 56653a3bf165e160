//! The codes by which XÖV receivers reject a message, as the vocabulary of our findings.
//!
//! Source: code list `urn:de:xinneres:codeliste:fehlercodes` 3 (XInneres-Basismodul). XBau has a list of its own
//! (`urn:xoev-de:xbau:codeliste:xbau-fehlerkennzahlen` 2.2) that shares X000, X001, V000 and T000–T099, names S010 and S011
//! X010 and X011, and gives S100 another meaning; so a code is only read together with its list.

use amtsbote_problem::Bilingual;

/// The list of XBau.
const XBAU_LIST: &str = "urn:xoev-de:xbau:codeliste:xbau-fehlerkennzahlen";

/// A code of the XInneres rejection (*Rückweisung*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorCode {
    /// X000: not well-formed.
    NotWellFormed,
    /// X001: not valid against the schema of the version it names.
    NotValid,
    /// V000: that version is not, or no longer, supported.
    VersionUnsupported,
    /// S001: not UTF-8.
    NotUtf8,
    /// S010: a code list that may not be used there.
    ListInvalid,
    /// S011: a code the list does not have.
    CodeInvalid,
    /// S020: single cases of a collection are faulty.
    CasesFaulty,
    /// S030: a mandatory text is empty.
    TextEmpty,
    /// S100: delivered again after it was processed.
    Duplicate,
    /// S999: against the specification for another reason.
    OtherSpecification,
    /// T000: the sender's certificate has expired.
    CertificateExpired,
    /// T001: the sender's certificate is revoked.
    CertificateRevoked,
    /// T002: the sender's certificate is not valid.
    CertificateInvalid,
    /// T003: the sender's certificate is missing.
    CertificateMissing,
    /// T010: the signature is missing or too weak.
    SignatureMissing,
    /// T011: the signature is not valid.
    SignatureInvalid,
    /// T020: the content cannot be decrypted.
    NotDecryptable,
    /// T070: the sender may not use this service.
    NotAuthorised,
    /// T080: delivered to the wrong receiver.
    WrongReceiver,
    /// T099: against the rules of transport for another reason.
    OtherTransport,
}

impl ErrorCode {
    /// All, in the order of the list.
    pub const ALL: [Self; 20] = [
        Self::NotWellFormed,
        Self::NotValid,
        Self::VersionUnsupported,
        Self::NotUtf8,
        Self::ListInvalid,
        Self::CodeInvalid,
        Self::CasesFaulty,
        Self::TextEmpty,
        Self::Duplicate,
        Self::OtherSpecification,
        Self::CertificateExpired,
        Self::CertificateRevoked,
        Self::CertificateInvalid,
        Self::CertificateMissing,
        Self::SignatureMissing,
        Self::SignatureInvalid,
        Self::NotDecryptable,
        Self::NotAuthorised,
        Self::WrongReceiver,
        Self::OtherTransport,
    ];

    /// The code as messages write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotWellFormed => "X000",
            Self::NotValid => "X001",
            Self::VersionUnsupported => "V000",
            Self::NotUtf8 => "S001",
            Self::ListInvalid => "S010",
            Self::CodeInvalid => "S011",
            Self::CasesFaulty => "S020",
            Self::TextEmpty => "S030",
            Self::Duplicate => "S100",
            Self::OtherSpecification => "S999",
            Self::CertificateExpired => "T000",
            Self::CertificateRevoked => "T001",
            Self::CertificateInvalid => "T002",
            Self::CertificateMissing => "T003",
            Self::SignatureMissing => "T010",
            Self::SignatureInvalid => "T011",
            Self::NotDecryptable => "T020",
            Self::NotAuthorised => "T070",
            Self::WrongReceiver => "T080",
            Self::OtherTransport => "T099",
        }
    }

    /// The code `code` of the list `list_uri`, in this vocabulary; none for codes that only the other list has.
    pub fn read(list_uri: &str, code: &str) -> Option<Self> {
        let code = match (list_uri, code) {
            (XBAU_LIST, "X010") => "S010",
            (XBAU_LIST, "X011") => "S011",
            (XBAU_LIST, "S050") => "S100",
            (XBAU_LIST, other) if other.starts_with('S') && other != "S999" => return None,
            (_, other) => other,
        };
        Self::ALL.into_iter().find(|known| known.as_str() == code)
    }

    /// The code a receiver would answer to what a finding of that rule names.
    pub fn of_rule(rule: &str) -> Self {
        match rule {
            "xml" | "doctype" => Self::NotWellFormed,
            "utf-8" => Self::NotUtf8,
            "xoev-version" => Self::VersionUnsupported,
            "xoev-list" => Self::ListInvalid,
            "xoev-code" => Self::CodeInvalid,
            "xoev-empty" => Self::TextEmpty,
            "xoev-dvdv" | "xoev-reader" => Self::WrongReceiver,
            "xoev-shape" | "din-91379" => Self::NotValid,
            schema if schema.starts_with("cvc-") || schema.starts_with("xsd") => Self::NotValid,
            _ => Self::OtherSpecification,
        }
    }

    /// What it means, for people.
    pub fn words(self) -> Bilingual {
        let (de, en) = self.de_en();
        Bilingual::new(de, en)
    }

    #[expect(clippy::too_many_lines, reason = "a table: one code, two texts")]
    const fn de_en(self) -> (&'static str, &'static str) {
        match self {
            Self::NotWellFormed => (
                "die Nachricht ist kein wohlgeformtes XML",
                "the message is not well-formed XML",
            ),
            Self::NotValid => (
                "die Nachricht passt nicht zum Schema ihrer Version",
                "the message does not fit the schema of its version",
            ),
            Self::VersionUnsupported => (
                "der Empfänger verarbeitet diese Version nicht oder nicht mehr",
                "the receiver does not, or no longer, process this version",
            ),
            Self::NotUtf8 => (
                "die Nachricht ist nicht in UTF-8",
                "the message is not in UTF-8",
            ),
            Self::ListInvalid => (
                "eine Codeliste ist dort nicht zugelassen",
                "a code list is not allowed there",
            ),
            Self::CodeInvalid => (
                "einen Schlüssel gibt es in seiner Codeliste nicht",
                "a code is not in its code list",
            ),
            Self::CasesFaulty => (
                "einzelne Fälle der Sammelnachricht sind fehlerhaft",
                "single cases of the collective message are faulty",
            ),
            Self::TextEmpty => (
                "ein verpflichtendes Textfeld ist leer",
                "a mandatory text is empty",
            ),
            Self::Duplicate => (
                "die Nachricht wurde schon einmal verarbeitet",
                "the message was processed before",
            ),
            Self::OtherSpecification => (
                "die Nachricht verstößt auf andere Weise gegen die Spezifikation",
                "the message breaks the specification in another way",
            ),
            Self::CertificateExpired => (
                "das Zertifikat des Absenders ist abgelaufen",
                "the sender's certificate has expired",
            ),
            Self::CertificateRevoked => (
                "das Zertifikat des Absenders ist widerrufen",
                "the sender's certificate is revoked",
            ),
            Self::CertificateInvalid => (
                "das Zertifikat des Absenders ist ungültig",
                "the sender's certificate is not valid",
            ),
            Self::CertificateMissing => (
                "das Zertifikat des Absenders fehlt",
                "the sender's certificate is missing",
            ),
            Self::SignatureMissing => (
                "die Signatur fehlt oder genügt nicht",
                "the signature is missing or too weak",
            ),
            Self::SignatureInvalid => ("die Signatur ist ungültig", "the signature is not valid"),
            Self::NotDecryptable => (
                "der Empfänger kann den Inhalt nicht entschlüsseln",
                "the receiver cannot decrypt the content",
            ),
            Self::NotAuthorised => (
                "der Absender darf diesen Dienst nicht nutzen",
                "the sender may not use this service",
            ),
            Self::WrongReceiver => (
                "die Nachricht kam beim falschen Empfänger an",
                "the message reached the wrong receiver",
            ),
            Self::OtherTransport => (
                "die Nachricht verstößt gegen Regeln des Transports",
                "the message breaks rules of transport",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNERES: &str = "urn:de:xinneres:codeliste:fehlercodes";

    #[test]
    fn a_code_is_read_together_with_its_list() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::read(INNERES, code.as_str()), Some(code));
        }
        for (list, code, expected) in [
            (XBAU_LIST, "X010", Some(ErrorCode::ListInvalid)),
            (XBAU_LIST, "X011", Some(ErrorCode::CodeInvalid)),
            (XBAU_LIST, "T080", Some(ErrorCode::WrongReceiver)),
            (XBAU_LIST, "S050", Some(ErrorCode::Duplicate)),
            (XBAU_LIST, "S100", None), // another meaning there
            (XBAU_LIST, "S999", Some(ErrorCode::OtherSpecification)),
            (XBAU_LIST, "A004", None),
            (INNERES, "X010", None),
            (INNERES, "", None),
        ] {
            assert_eq!(ErrorCode::read(list, code), expected, "{list} {code}");
        }
    }
}
