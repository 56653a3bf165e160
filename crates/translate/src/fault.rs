//! What can be wrong with a template, found when it is read and never at delivery.

use std::fmt;

/// One fault of a template, code map or column list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, as its reader named it.
    pub file: String,
    /// The line, from 1, where the format knows lines.
    pub line: Option<u32>,
    /// Where in the file: element path, JSON pointer, or column name. May be empty.
    pub at: String,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the messages say it; the fields are their parts"
)]
pub enum FaultKind {
    #[error("the template is {bytes} bytes long; at most {max} are allowed")]
    TooLarge { bytes: usize, max: usize },
    #[error("elements are nested deeper than {max}")]
    TooDeep { max: usize },
    #[error("there are more than {max} elements and attributes")]
    TooMany { max: usize },
    #[error("not UTF-8; save the file as UTF-8")]
    NotUtf8,
    #[error("not well-formed: {reason}")]
    Malformed { reason: String },
    #[error("a document type declaration is not allowed; remove it")]
    DocumentType,
    #[error("declare xmlns:b=\"{}\" on the root element", crate::xml::NAMESPACE)]
    NoNamespace,
    #[error("the binding namespace may be declared on the root element only")]
    MisplacedNamespace,
    #[error("unknown word `{word}`; known are: {known}")]
    UnknownWord { word: String, known: String },
    #[error("`{word}` needs `{needs}` beside it")]
    Needs { word: String, needs: String },
    #[error("`{word}` is not allowed here: {reason}")]
    Misplaced { word: String, reason: String },
    #[error("`{word}` is not allowed here: {en}")]
    Elsewhere {
        word: String,
        de: &'static str,
        en: &'static str,
    },
    #[error("unknown conversion or bad argument in `{text}`; known are: {known}")]
    UnknownConversion { text: String, known: String },
    #[error("bad value `{text}` of `{word}`; allowed are: {allowed}")]
    BadValue {
        word: String,
        text: String,
        allowed: String,
    },
    #[error("expression refused: {reason}")]
    Expression { reason: String },
    #[error("no code map named `{name}` in the package")]
    UnknownCodeMap { name: String },
    #[error("the sample pins {attribute} `{sample}`, the code map gives `{map}`")]
    CodeListMismatch {
        attribute: String,
        sample: String,
        map: String,
    },
    #[error("text beside elements is not supported in one element")]
    MixedContent,
    #[error(
        "an element with `from` holds text only, or exactly one plain element that takes the text"
    )]
    BoundElementHasChildren,
    #[error("`{name}` stands there twice")]
    Twice { name: String },
}

impl FaultKind {
    /// The same in German.
    pub fn german(&self) -> String {
        match self {
            Self::TooLarge { bytes, max } => {
                format!("die Vorlage ist {bytes} Bytes lang; erlaubt sind {max}")
            }
            Self::TooDeep { max } => format!("Elemente sind tiefer als {max} verschachtelt"),
            Self::TooMany { max } => format!("mehr als {max} Elemente und Attribute"),
            Self::NotUtf8 => "kein UTF-8; die Datei als UTF-8 speichern".to_owned(),
            Self::Malformed { reason } => {
                format!("nicht wohlgeformt: {}", amtsbote_problem::toml::german(reason))
            }
            Self::DocumentType => "eine DOCTYPE-Zeile ist nicht erlaubt; entfernen".to_owned(),
            Self::NoNamespace => format!(
                "am Wurzelelement fehlt xmlns:b=\"{}\"",
                crate::xml::NAMESPACE
            ),
            Self::MisplacedNamespace => {
                "der Namensraum der Bindungen darf nur am Wurzelelement stehen".to_owned()
            }
            Self::UnknownWord { word, known } => {
                format!("unbekanntes Wort `{word}`; bekannt sind: {known}")
            }
            Self::Needs { word, needs } => format!("`{word}` braucht daneben `{needs}`"),
            Self::Misplaced { word, reason } => {
                format!("`{word}` ist hier nicht erlaubt: {reason}")
            }
            Self::Elsewhere { word, de, .. } => {
                format!("`{word}` ist hier nicht erlaubt: {de}")
            }
            Self::UnknownConversion { text, known } => {
                format!("unbekannte Umwandlung oder falsche Angabe in `{text}`; bekannt sind: {known}")
            }
            Self::BadValue {
                word,
                text,
                allowed,
            } => format!("`{text}` ist kein Wert für `{word}`; erlaubt sind: {allowed}"),
            Self::Expression { reason } => format!("Ausdruck nicht möglich: {}", german(reason)),
            Self::UnknownCodeMap { name } => format!(
                "im Paket gibt es keine Codeabbildung `{name}`; sie wäre codes/{name}.toml"
            ),
            Self::CodeListMismatch {
                attribute,
                sample,
                map,
            } => format!("das Muster nennt {attribute} `{sample}`, die Codeabbildung `{map}`"),
            Self::MixedContent => {
                "Text neben Elementen in einem Element kann eine Vorlage nicht enthalten".to_owned()
            }
            Self::BoundElementHasChildren => {
                "ein Element mit `from` enthält nur Text, oder genau ein einfaches Element, das den Text aufnimmt".to_owned()
            }
            Self::Twice { name } => format!("`{name}` steht zweimal da"),
        }
    }
}

/// The reasons of expressions are pieces of English around words of jq: the pieces in German.
fn german(reason: &str) -> String {
    const PIECES: [(&str, &str); 14] = [
        (
            "unexpected character or unclosed bracket at",
            "unerwartetes Zeichen oder offene Klammer bei",
        ),
        (" but found ", ", gefunden: "),
        ("expected ", "erwartet: "),
        (" is not in the closed set", " gehört nicht zum Vorrat"),
        ("unknown variable ", "unbekannte Variable "),
        ("known are", "bekannt sind"),
        (" with ", " mit "),
        (" argument(s)", " Angabe(n)"),
        (
            "brackets are nested deeper than",
            "Klammern sind tiefer verschachtelt als",
        ),
        (
            "terms are nested deeper than",
            "Ausdrücke sind tiefer verschachtelt als",
        ),
        ("longer than ", "länger als "),
        (
            " needs a constant regular expression",
            " braucht einen festen regulären Ausdruck",
        ),
        (
            "the regular expression is malformed",
            "der reguläre Ausdruck ist fehlerhaft",
        ),
        ("a computed index", "ein berechneter Index"),
    ];
    PIECES
        .iter()
        .fold(reason.to_owned(), |text, (en, de)| text.replace(en, de))
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.at.is_empty() {
            write!(f, " ({})", self.at)?;
        }
        write!(f, ": {}", self.kind)
    }
}

/// All faults of one file, in its order; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.lines())]
pub struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn one(fault: Fault) -> Self {
        Self(vec![fault])
    }

    /// `value` if there were none.
    pub(crate) fn unless_none<T>(faults: Vec<Fault>, value: T) -> Result<T, Self> {
        if faults.is_empty() {
            Ok(value)
        } else {
            Err(Self(faults))
        }
    }

    /// Each fault.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    fn lines(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(Fault::to_string).collect();
        lines.join("\n")
    }
}
