//! What is wrong with a TLS connection, and who has to mend it. Pure.

use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};

/// In words, German and English: whose certificate, and what to do.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "foreign enums that grow; what is not known has the general words"
)]
pub(crate) const fn tls_words(error: &Error) -> (&'static str, &'static str) {
    match error {
        Error::InvalidCertificate(wrong) => match wrong {
            Certificate::Expired | Certificate::ExpiredContext { .. } => (
                "das Zertifikat der anderen Seite ist abgelaufen; ihr Betreiber muss es erneuern (oder die Uhr hier geht falsch)",
                "its certificate has expired; its operator has to renew it (or the clock here is wrong)",
            ),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => (
                "das Zertifikat der anderen Seite gilt noch nicht; die Uhren hier und dort prüfen",
                "its certificate is not valid yet; look at the clocks here and there",
            ),
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => (
                "das Zertifikat der anderen Seite gilt für einen anderen Namen; den Rechner in der Adresse berichtigen",
                "its certificate is for another name; correct the host in the address",
            ),
            Certificate::UnknownIssuer => (
                "das Zertifikat der anderen Seite führt zu keiner vertrauten Zertifizierungsstelle; diese in ca_file nennen",
                "its certificate leads to no authority we trust; name the authority in ca_file",
            ),
            Certificate::Revoked => (
                "das Zertifikat der anderen Seite ist gesperrt",
                "its certificate is revoked",
            ),
            _ => (
                "das Zertifikat der anderen Seite ist nicht brauchbar",
                "its certificate is not usable",
            ),
        },
        Error::AlertReceived(alert) => match alert {
            Alert::CertificateRequired => (
                "die andere Seite verlangt ein Zertifikat von uns; client_certificate_file und client_key_file angeben",
                "it asks for a certificate of ours; set client_certificate_file and client_key_file",
            ),
            Alert::CertificateExpired => (
                "die andere Seite sagt, unser Zertifikat sei abgelaufen; client_certificate_file erneuern",
                "it says that our certificate has expired; renew client_certificate_file",
            ),
            Alert::UnknownCA => (
                "die andere Seite vertraut der Zertifizierungsstelle unseres Zertifikats nicht; client_certificate_file prüfen, mit den Zertifikaten darüber",
                "it does not trust the authority of our certificate; look at client_certificate_file, with the certificates above it",
            ),
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::AccessDenied
            | Alert::DecryptError => (
                "die andere Seite nimmt unser Zertifikat nicht an; client_certificate_file prüfen, und ob es dort hinterlegt ist",
                "it does not accept our certificate; look at client_certificate_file, and whether it is registered there",
            ),
            Alert::ProtocolVersion | Alert::HandshakeFailure => (
                "die andere Seite hat keine Version von TLS oder kein Verfahren, das wir haben (TLS 1.2 und 1.3)",
                "it has no version of TLS or cipher that we have (TLS 1.2 and 1.3)",
            ),
            _ => (
                "die andere Seite brach die Verbindung ab",
                "it broke the connection off",
            ),
        },
        Error::PeerIncompatible(_) => (
            "die andere Seite hat keine Version von TLS oder kein Verfahren, das wir haben (TLS 1.2 und 1.3)",
            "it has no version of TLS or cipher that we have (TLS 1.2 and 1.3)",
        ),
        _ => ("TLS scheiterte", "TLS failed"),
    }
}
