//! Who wrote a message, to whom, when, and what it is: the header, read.
//!
//! Flavours: XÖV-Basisnachricht G2G 1.1 qualified and unqualified (told apart by namespaces, not by names, so both are read alike), the
//! one of XInneres (the same with addresses), and XGewerbeanzeige's own.

use crate::{Document, Node};

/// A message's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `nachrichtenUUID`, in small letters.
    pub uuid: String,
    /// Code in `nachrichtentyp`.
    pub number: String,
    /// `erstellungszeitpunkt`, as written.
    pub created_at: String,
    /// `leser`.
    pub reader: Party,
    /// `autor`.
    pub author: Party,
}

/// Reader or author.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// Where in the message.
    pub path: String,
    /// Code of the directory, such as `DVDV`.
    pub directory: Option<String>,
    /// Key in it, such as `bab:06414000`.
    pub key: Option<String>,
    /// Name of the authority.
    pub name: Option<String>,
}

impl Head {
    /// Reads the header of a message; none if there is no header or a part of it is missing.
    pub fn read(document: &Document) -> Option<Self> {
        let head = ["nachrichtenkopf.g2g", "nachrichtenkopf"]
            .into_iter()
            .find_map(|name| document.below(name))?;
        let text = |path: &str| text_in(document, head, path);
        Some(Self {
            uuid: text("identifikation.nachricht/nachrichtenUUID")?.to_ascii_lowercase(),
            number: text("identifikation.nachricht/nachrichtentyp/code")?,
            created_at: text("identifikation.nachricht/erstellungszeitpunkt")?,
            reader: Party::read(document, head, "leser")?,
            author: Party::read(document, head, "autor")?,
        })
    }
}

impl Party {
    fn read(document: &Document, head: &Node, side: &str) -> Option<Self> {
        let node = document.all_in(head, side).into_iter().next()?;
        let text = |path: &str| text_in(document, node, path);
        let own = text("behoerdenkennung/praefix/code")
            .zip(text("behoerdenkennung/kennung/code"))
            .map(|(prefix, key)| format!("{prefix}:{key}"));
        Some(Self {
            path: node.path.clone(),
            directory: text("verzeichnisdienst/code")
                .or_else(|| own.as_ref().map(|_| "DVDV".to_owned())),
            key: text("kennung").or(own),
            name: text("name").or_else(|| text("behoerdenname")),
        })
    }
}

fn text_in(document: &Document, node: &Node, path: &str) -> Option<String> {
    let found = document.all_in(node, path).into_iter().next()?;
    let text = found.text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
