//! What is wrong with a TLS connection, and who has to mend it. Pure.

use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error};

/// In words: whose certificate, and what to do.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "foreign enums that grow; what is not known has the general words"
)]
pub(crate) const fn tls_words(error: &Error) -> &'static str {
    match error {
        Error::InvalidCertificate(wrong) => match wrong {
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "its certificate has expired; its operator has to renew it (or the clock here is wrong)"
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "its certificate is not valid yet; look at the clocks here and there"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "its certificate is for another name; correct the host in the address"
            }
            Certificate::UnknownIssuer => {
                "its certificate leads to no authority we trust; name the authority in ca_file"
            }
            Certificate::Revoked => "its certificate is revoked",
            _ => "its certificate is not usable",
        },
        Error::AlertReceived(alert) => match alert {
            Alert::CertificateRequired => {
                "it asks for a certificate of ours; set client_certificate_file and client_key_file"
            }
            Alert::CertificateExpired => {
                "it says that our certificate has expired; renew client_certificate_file"
            }
            Alert::UnknownCA => {
                "it does not trust the authority of our certificate; look at client_certificate_file, with the certificates above it"
            }
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::AccessDenied
            | Alert::DecryptError => {
                "it does not accept our certificate; look at client_certificate_file, and whether it is registered there"
            }
            Alert::ProtocolVersion | Alert::HandshakeFailure => {
                "it has no version of TLS or cipher that we have (TLS 1.2 and 1.3)"
            }
            _ => "it broke the connection off",
        },
        Error::PeerIncompatible(_) => {
            "it has no version of TLS or cipher that we have (TLS 1.2 and 1.3)"
        }
        _ => "TLS failed",
    }
}
