//! What a sample is: by what stands in it; its ending only decides where the content fits several kinds.

use amtsbote_problem::Bilingual;

use crate::{Unusable, csv, keys, segments, text};

/// Kinds of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleKind {
    /// A sample message.
    Xml,
    /// A file with separators.
    Csv,
    /// Records of fixed width.
    Fixed,
    /// Keys and values.
    Keys,
    /// Segments.
    Segments,
    /// A sample document.
    Json,
    /// A schema.
    Xsd,
}

/// What a sample was recognised as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The kind.
    pub kind: SampleKind,
    /// By what.
    pub why: Bilingual,
}

/// First bytes of files that hold no text, and what they are.
const BINARY: [(&[u8], &str, &str); 4] = [
    (
        b"PK\x03\x04",
        "ein Dokument von Excel, Word oder LibreOffice (oder ein ZIP-Archiv, das ohne --kind als seine Dateien gelesen wird); aus einer Tabelle eine CSV-Datei machen",
        "a document of Excel, Word or LibreOffice (or a ZIP archive, which is read as its files without --kind); save a sheet as CSV",
    ),
    (
        b"\xD0\xCF\x11\xE0",
        "eine alte Office-Datei (.xls, .doc); als CSV oder Text speichern",
        "an old office file (.xls, .doc); save it as CSV or text",
    ),
    (
        b"%PDF",
        "ein PDF; gebraucht wird eine Datei, wie das Verfahren sie liest",
        "a PDF; what is needed is a file as the procedure reads it",
    ),
    (
        b"\x1F\x8B",
        "mit gzip gepackt; zuerst auspacken",
        "packed with gzip; unpack it first",
    ),
];

/// Recognises a sample by its content; `ending` is that of its name, without the dot.
pub fn recognise(bytes: &[u8], ending: Option<&str>) -> Result<Recognised, Unusable> {
    refuse_binary(bytes)?;
    let (_, text) = text::decoded(bytes)?;
    let (text, _) = text::lines(&text);
    let content = text.trim_start();
    let ending = ending.unwrap_or("").to_ascii_lowercase();
    Ok(match content.chars().next() {
        Some('<') => markup(content, &ending),
        _ if segments::is_it(content) => because(
            SampleKind::Segments,
            "die Datei beginnt mit einem Segment, das die Trennzeichen nennt oder festlegt (UNA, UNB, UNH, MSH)",
            "the file begins with a segment that tells the separators (UNA, UNB, UNH, MSH)",
        ),
        Some('{' | '[') if serde_json::from_str::<serde_json::Value>(content).is_ok() => because(
            SampleKind::Json,
            "die Datei ist ein JSON-Dokument",
            "the file is a JSON document",
        ),
        Some('{') => because(
            SampleKind::Json,
            "die Datei beginnt mit {",
            "the file begins with {",
        ),
        _ if matches!(ending.as_str(), "edi" | "hl7") => by_ending(SampleKind::Segments, &ending),
        _ => table(&text, &ending),
    })
}

fn because(kind: SampleKind, de: impl Into<String>, en: impl Into<String>) -> Recognised {
    let why = Bilingual::new(de, en);
    Recognised { kind, why }
}

fn by_ending(kind: SampleKind, ending: &str) -> Recognised {
    because(
        kind,
        format!("der Name endet auf .{ending}"),
        format!("the name ends in .{ending}"),
    )
}

fn refuse_binary(bytes: &[u8]) -> Result<(), Unusable> {
    let known = BINARY.iter().find(|(start, ..)| bytes.starts_with(start));
    if let Some((_, de, en)) = known {
        return Err(Unusable::new(
            format!("das Muster ist {de}"),
            format!("the sample is {en}"),
        ));
    }
    let is_text = text::utf_16(bytes).is_some() || !bytes.contains(&0);
    if is_text {
        return Ok(());
    }
    Err(Unusable::new(
        "das Muster ist keine Textdatei (es enthält Nullbytes); Dateien einer Datenbank (etwa dBase) zuerst als CSV ausgeben",
        "the sample is no text file (it holds null bytes); export files of a database (such as dBase) as CSV first",
    ))
}

/// A schema says so in its root element.
fn markup(content: &str, ending: &str) -> Recognised {
    let root = content.split('<').find(|part| {
        let first = part.chars().next();
        first.is_some_and(|c| c.is_alphabetic() || c == '_')
    });
    let name = root.and_then(|root| root.split(|c: char| c.is_whitespace() || c == '>').next());
    let local = name.and_then(|name| name.rsplit(':').next());
    if local == Some("schema") || ending == "xsd" {
        return because(
            SampleKind::Xsd,
            "das Wurzelelement ist das einer XSD",
            "the root element is that of an XSD",
        );
    }
    because(
        SampleKind::Xml,
        "die Datei beginnt mit <",
        "the file begins with <",
    )
}

/// Lines: keys and values, separated, or of fixed width.
fn table(text: &str, ending: &str) -> Recognised {
    let wants_keys = matches!(ending, "ini" | "properties" | "cfg" | "conf");
    let wants_csv = matches!(ending, "csv" | "tsv");
    let pairs = keys::pairs(text).filter(|pairs| pairs.are_most() || wants_keys);
    let separated = csv::separated(text);
    match (pairs, separated) {
        // A tab also stands between two columns, and cells of a column may look like keys.
        (Some(pairs), Some(separated))
            if !wants_keys && (pairs.sign == '\t' || wants_csv && separated.0 != pairs.sign) =>
        {
            columns(separated)
        }
        (Some(pairs), _) => keys(&pairs),
        (None, _) if ending == "json" => by_ending(SampleKind::Json, ending),
        (None, Some(separated)) => columns(separated),
        (None, None) if wants_csv => by_ending(SampleKind::Csv, ending),
        (None, None) => because(
            SampleKind::Fixed,
            "kaum eine Zeile hat die Form Schlüssel=Wert, und kein Trennzeichen steht in allen",
            "hardly a line has the form key=value, and no separator stands in all of them",
        ),
    }
}

fn keys(pairs: &keys::Pairs) -> Recognised {
    let (good, all, sign) = (pairs.good, pairs.all, shown(pairs.sign));
    because(
        SampleKind::Keys,
        format!("{good} von {all} Zeilen haben die Form Schlüssel{sign}Wert"),
        format!("{good} of {all} lines have the form key{sign}value"),
    )
}

fn columns((separator, cells): (char, usize)) -> Recognised {
    let shown = shown(separator);
    let (de, en) = match cells {
        2 => (
            "; ist die erste Spalte der Name des Felds und die zweite sein Wert: --kind keys",
            "; if the first column is the name of a field and the second its value: --kind keys",
        ),
        _ => ("", ""),
    };
    because(
        SampleKind::Csv,
        format!("„{shown}“ trennt die Zeilen in {cells} Spalten{de}"),
        format!("{shown} separates the lines into {cells} columns{en}"),
    )
}

fn shown(sign: char) -> String {
    match sign {
        '\t' => "<Tab>".to_owned(),
        sign => sign.to_string(),
    }
}
