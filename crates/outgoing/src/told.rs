//! The same faults for people, German and English. What TLS, the system or a library says is not in it: ask for the source.

use amtsbote_problem::Bilingual;

use crate::{Failure, NotOpened, Refusal};

impl NotOpened {
    /// In the words for an operator.
    pub fn told(&self) -> Bilingual {
        let german = match self {
            Self::Roots => {
                "die Datei der vertrauten Zertifizierungsstellen enthält kein brauchbares Zertifikat in der Form PEM"
            }
            Self::NoRoots => {
                "keine vertraute Zertifizierungsstelle ist bekannt; die Zertifikate des Systems installieren oder eine Datei mit Zertifizierungsstellen angeben"
            }
            Self::Identity => {
                "das Client-Zertifikat und sein Schlüssel sind nicht brauchbar; erwartet wird PEM, das eigene Zertifikat zuerst, mit dem passenden Schlüssel"
            }
            Self::UserAgent => "der User-Agent muss sichtbarer ASCII-Text sein, nicht leer",
            Self::Tls(_) => "TLS ließ sich nicht einrichten",
            Self::Http(_) => "der HTTP-Client ließ sich nicht einrichten",
        };
        Bilingual::new(german, self.to_string())
    }
}

impl Failure {
    /// In the words for an operator.
    pub fn told(&self) -> Bilingual {
        let german = match self {
            Self::Unreachable { host, .. } => format!("{host} ist nicht erreichbar"),
            Self::TimedOut { host } => {
                format!("{host} hat nicht in der erlaubten Zeit geantwortet")
            }
            Self::RefusedTarget(_) => "dieser Aufruf ist nicht erlaubt".to_owned(),
            Self::Tls { host, .. } => format!(
                "keine vertrauenswürdige TLS-Verbindung zu {host}; dessen Zertifikat und die vertrauten Zertifizierungsstellen prüfen"
            ),
            Self::TooLarge { host, max_bytes } => {
                format!("{host} antwortete mit mehr als {max_bytes} Bytes")
            }
            Self::Broken { host, .. } => format!("die Verbindung zu {host} brach ab"),
            Self::Source(_) => "was zu senden war, ließ sich nicht lesen".to_owned(),
            Self::Unsendable => "der Aufruf ließ sich nicht zusammensetzen".to_owned(),
        };
        Bilingual::new(german, self.to_string())
    }
}

impl Refusal {
    /// In the words for an operator.
    pub fn told(&self) -> Bilingual {
        let german = match self {
            Self::Scheme => "nur https darf aufgerufen werden",
            Self::Credentials => "die URL darf keinen Benutzernamen und kein Kennwort enthalten",
            Self::Host => "die URL nennt keinen Rechner",
            Self::PrivateAddress => {
                "der Rechner liegt in einem privaten oder besonderen Netz; das Netz in den Einstellungen erlauben, wenn das gewollt ist"
            }
        };
        Bilingual::new(german, self.to_string())
    }
}
