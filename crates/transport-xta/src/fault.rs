//! Whose fault a failure is. Texts name the step and the peer's exception, never content.

use std::io;

use amtsbote_adapter::{Fault, Step};
use amtsbote_problem::io::in_german;
use amtsbote_problem::{Bilingual, Finding};

use crate::soap::{FaultKind, SoapFault};

pub(crate) fn rejected(
    at: &str,
    rule: &str,
    de: impl Into<String>,
    en: impl Into<String>,
) -> Fault {
    Fault::Rejected {
        findings: vec![Finding::new(at, rule, Bilingual::new(de, en))],
    }
}

/// An error of the file system at a step.
pub(crate) fn disk(step: Step, error: &io::Error) -> Fault {
    let kind = error.kind();
    let german = in_german(kind);
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a foreign enum that may grow"
    )]
    match kind {
        io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidData => step.misconfigured(
            format_args!("{german}; den Ordner und die Rechte des Kontos des Dienstes prüfen"),
            format_args!("{kind}; check the folder and the rights of the service's account"),
        ),
        _ => step.unavailable(german, kind),
    }
}

/// A fault of the peer: `InvalidMessageID` is resolved before by whoever can look up.
pub(crate) fn soap(operation: &str, fault: &SoapFault) -> Fault {
    let said = match (fault.code.as_str(), fault.reason.as_str()) {
        ("", "") => String::new(),
        (code, reason) => format!(" ({code}: {reason})"),
    };
    let name = fault.kind.name();
    match fault.kind {
        FaultKind::PermissionDenied => Fault::misconfigured(
            format!(
                "{operation}: der XTA-Server verweigert die Berechtigung{said}; Client-Zertifikat, Kennung des Autors und Konto prüfen"
            ),
            format!(
                "{operation}: the XTA server denies permission{said}; check the client certificate, the author's identifier and the account"
            ),
        ),
        FaultKind::ParameterIsNotValid
        | FaultKind::MessageSchemaViolation
        | FaultKind::MessageVirusDetection
        | FaultKind::SyncAsync
        | FaultKind::CancelDenied
        | FaultKind::OtherSender => rejected(
            operation,
            &format!("xta-{}", name.to_ascii_lowercase()),
            format!("der XTA-Server weist die Nachricht zurück: {name}{said}"),
            format!("the XTA server refuses the message: {name}{said}"),
        ),
        FaultKind::InvalidMessageId => Fault::unavailable(
            format!("{operation}: der XTA-Server kennt die MessageID nicht{said}"),
            format!("{operation}: the XTA server does not know the MessageID{said}"),
        ),
        FaultKind::TechnicalProblem | FaultKind::OtherReceiver => Fault::unavailable(
            format!("{operation}: der XTA-Server hat ein technisches Problem{said}"),
            format!("{operation}: the XTA server has a technical problem{said}"),
        ),
    }
}
