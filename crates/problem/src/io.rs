//! Errors of the operating system in German.

use std::io::ErrorKind;

/// In words that stand alone, as behind a colon.
const WORDS: [(ErrorKind, &str); 27] = [
    (ErrorKind::NotFound, "das gibt es nicht"),
    (ErrorKind::PermissionDenied, "keine Berechtigung"),
    (ErrorKind::IsADirectory, "das ist ein Ordner"),
    (ErrorKind::NotADirectory, "das ist kein Ordner"),
    (ErrorKind::StorageFull, "kein Platz mehr"),
    (
        ErrorKind::QuotaExceeded,
        "das Speicherkontingent ist aufgebraucht",
    ),
    (ErrorKind::AlreadyExists, "das gibt es schon"),
    (
        ErrorKind::ReadOnlyFilesystem,
        "das Dateisystem ist schreibgeschützt",
    ),
    (
        ErrorKind::InvalidFilename,
        "der Name ist für das Dateisystem ungültig",
    ),
    (ErrorKind::InvalidInput, "eine Angabe ist ungültig"),
    (ErrorKind::InvalidData, "der Inhalt ist unbrauchbar"),
    (
        ErrorKind::CrossesDevices,
        "das sind zwei verschiedene Dateisysteme",
    ),
    (ErrorKind::DirectoryNotEmpty, "der Ordner ist nicht leer"),
    (ErrorKind::FileTooLarge, "die Datei ist zu groß"),
    (ErrorKind::ResourceBusy, "es ist gerade in Benutzung"),
    (
        ErrorKind::StaleNetworkFileHandle,
        "die Netzfreigabe ist nicht mehr dieselbe",
    ),
    (ErrorKind::Unsupported, "das wird nicht unterstützt"),
    (ErrorKind::TimedOut, "keine Antwort in der erlaubten Zeit"),
    (ErrorKind::Interrupted, "unterbrochen"),
    (ErrorKind::UnexpectedEof, "das Ende kam zu früh"),
    (
        ErrorKind::ConnectionRefused,
        "die Verbindung wird nicht angenommen",
    ),
    (
        ErrorKind::ConnectionReset,
        "die Gegenseite brach die Verbindung ab",
    ),
    (
        ErrorKind::ConnectionAborted,
        "die Verbindung wurde abgebrochen",
    ),
    (ErrorKind::BrokenPipe, "die Verbindung brach ab"),
    (
        ErrorKind::HostUnreachable,
        "der Rechner ist nicht erreichbar",
    ),
    (
        ErrorKind::NetworkUnreachable,
        "das Netz ist nicht erreichbar",
    ),
    (ErrorKind::OutOfMemory, "kein Arbeitsspeicher mehr"),
];

/// What the system says, in German. A kind nobody translated is none.
pub fn german(kind: ErrorKind) -> Option<&'static str> {
    let found = WORDS.iter().find(|(known, _)| *known == kind);
    found.map(|(_, german)| *german)
}

/// The kind in German; one nobody translated keeps the system's word.
pub fn in_german(kind: ErrorKind) -> String {
    german(kind).map_or_else(|| kind.to_string(), str::to_owned)
}
