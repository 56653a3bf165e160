//! What a proposal left for a person to decide, and is still there.

use std::path::Path;

use amtsbote_adapter::Package as Mapping;
use amtsbote_problem::{Bilingual, Finding, Findings};

/// The rule of places that the template itself still calls open: constants of the sample may be meant.
pub(super) const MARKED: &str = "open-marks";
/// The rule of such places that stay empty: nothing of the sample goes along.
pub(super) const EMPTY: &str = "open-empty";

/// What a mark is about now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It has a source, or is gone.
    Settled,
    /// It stays empty.
    Empty,
    /// The sample's value goes out.
    Constant,
}

/// Lines that the template itself still calls open.
fn marked(package: &Mapping, path: &str, text: &str) -> Findings {
    let all: Vec<&str> = text.lines().collect();
    let is_open = |line: &str| line.contains("offen: ") && line.contains(" / open: ");
    let open = all.iter().enumerate().filter(|(_, line)| is_open(line));
    let places = open.map(|(at, line)| (at + 1, place(package, path, (line, &all[at + 1..]))));
    let places: Vec<(usize, Place)> = places.collect();
    let told = |rule: &str, kind: Place, de: &str, en: &str| {
        let these = places.iter().filter(|(_, place)| *place == kind);
        let lines: Vec<String> = these.map(|(line, _)| line.to_string()).collect();
        let lines = (!lines.is_empty()).then(|| lines.join(", "))?;
        let detail = Bilingual::new(
            format!(
                "{path}: {de}, Zeile {lines}: Quelle eintragen, oder den Vermerk löschen, wenn es so gemeint ist"
            ),
            format!(
                "{path}: {en}, line {lines}: enter a source, or remove the mark if it is meant so"
            ),
        );
        Some(Finding::new(path, rule, detail))
    };
    let constant = told(
        MARKED,
        Place::Constant,
        "als offen vermerkt, der Wert des Musters ginge so hinaus",
        "marked as open, the sample's value would go out as it is",
    );
    let empty = told(
        EMPTY,
        Place::Empty,
        "als offen vermerkt, bleibt leer",
        "marked as open, stays empty",
    );
    constant.into_iter().chain(empty).collect()
}

/// What the mark `line` of the file `path` is about; `below` are the lines behind it.
fn place(package: &Mapping, path: &str, (line, below): (&str, &[&str])) -> Place {
    let (before, mark) = line.split_once("offen: ").unwrap_or_default();
    if let Some(pointer) = mark
        .split_ascii_whitespace()
        .next()
        .filter(|at| at.starts_with('/'))
    {
        return in_json(package, pointer);
    }
    if Path::new(path)
        .extension()
        .is_some_and(|ending| ending == "xml")
    {
        let attribute = before
            .split_once('@')
            .map(|(_, name)| name.trim().trim_end_matches(':'));
        return in_xml(attribute, below);
    }
    let mut own = below
        .iter()
        .map(|line| line.trim())
        .take_while(|line| !line.is_empty());
    match own.find_map(|line| line.strip_prefix("text = ")) {
        None => Place::Settled,
        Some("\"\"") => Place::Empty,
        Some(_) => Place::Constant,
    }
}

/// JSON has no comments: its marks stand in `package.toml`, `# offen: /antrag/name …`.
fn in_json(package: &Mapping, pointer: &str) -> Place {
    let template = package.settings.get("template");
    let template = template.and_then(toml::Value::as_str);
    let text = template.and_then(|template| package.text(template).ok());
    let sample = text.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    let Some(sample) = sample else {
        return Place::Constant;
    };
    match sample.pointer(pointer) {
        None | Some(serde_json::Value::Object(_) | serde_json::Value::Array(_)) => Place::Settled,
        Some(_) => Place::Constant,
    }
}

/// The mark of an element stands above it, that of its attribute says so.
fn in_xml(attribute: Option<&str>, below: &[&str]) -> Place {
    let element = below
        .iter()
        .find(|line| !line.trim_start().starts_with("<!--"));
    let words = match attribute {
        None => [":from=", ":each=", ":if="].map(str::to_owned).into(),
        Some(name) => vec![format!(":attr-{}=", name.replace(':', "."))],
    };
    let has = |element: &&str| words.iter().any(|word| element.contains(word.as_str()));
    match element.filter(|element| has(element)) {
        Some(_) => Place::Settled,
        None => Place::Constant,
    }
}

/// Whether a template or a setting names this file of codes.
fn is_named(package: &Mapping, path: &str) -> bool {
    let stem = Path::new(path).file_stem();
    let name = stem.map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let is_ours = |path: &str| !path.starts_with("codes/") && !path.starts_with("examples/");
    let mut ours = package.files.iter().filter(|(path, _)| is_ours(path));
    ours.any(|(_, bytes)| {
        let text = String::from_utf8_lossy(bytes);
        text.contains(&format!("\"{name}\"")) || text.contains(&format!("'{name}'"))
    })
}

/// What a proposal left for a person to decide, and is still there: placeholders that would be handed over, codes nobody confirmed.
pub(super) fn unconfirmed(package: &Mapping) -> Findings {
    let told = |path: &str, bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let (rule, de, en) = if path.contains("/expected/")
            && [">OFFEN<", "\"OFFEN\""]
                .iter()
                .any(|open| text.contains(open))
        {
            (
                "placeholder",
                "die Ausgabe enthält noch den Platzhalter OFFEN: in der Vorlage eine Quelle oder den richtigen Text eintragen",
                "the output still holds the placeholder OFFEN: enter a source or the right text in the template",
            )
        } else if path.starts_with("codes/") && text.contains("  # ?") && is_named(package, path) {
            (
                "codes-unconfirmed",
                "Codes sind noch unbestätigt (# ?): ändern oder das Zeichen entfernen",
                "codes are not confirmed yet (# ?): change them or remove the sign",
            )
        } else {
            let is_part = path.contains('/')
                || Path::new(path)
                    .extension()
                    .is_some_and(|ending| ending == "md");
            return if is_part {
                Findings::new()
            } else {
                marked(package, path, &text)
            };
        };
        let text = |text: &str| format!("{path}: {text}");
        vec![Finding::new(path, rule, Bilingual::new(text(de), text(en)))]
    };
    let files = package.files.iter();
    files.flat_map(|(path, bytes)| told(path, bytes)).collect()
}

#[cfg(test)]
mod tests {
    use amtsbote_adapter::Files;

    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let manifest = "name = \"a\"\nversion = \"1.0.0\"\nlabel = { de = \"a\", en = \"a\" }\nservice = \"urn:de:fim:leika:leistung:99012008001000\"\n\
             schema = \"urn:example:a:1\"\nformat = \"json\"\n[settings]\ntemplate = \"v.json\"\n[[example]]\nname = \"a\"\n";
        let files = Files::from([
            ("package.toml".to_owned(), manifest.into()),
            (
                "v.json".to_owned(),
                b"{\"a\":\"x\",\"b\":{\"$from\":\".b\"}}".to_vec(),
            ),
        ]);
        let package = Mapping::parse(files).unwrap();
        let told: Vec<String> = marked(&package, path, text)
            .iter()
            .map(|finding| {
                let lines = finding.detail.en.split_once("line ").unwrap().1;
                format!("{} {}", finding.rule, lines.split_once(':').unwrap().0)
            })
            .collect();
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn a_mark_is_settled_by_a_source() {
        let mark = "# offen: keine Quelle gefunden / open: no source found";
        check(
            "s.toml",
            &format!("{mark}\n[[column]]\ntext = \"x\"\n"),
            &["open-marks 1"],
        );
        check(
            "s.toml",
            &format!("{mark}\n[[column]]\ntext = \"\"\n"),
            &["open-empty 1"],
        );
        check(
            "s.toml",
            &format!("{mark}\n[[column]]\nfrom = \".x\"\n\ntext = \"x\"\n"),
            &[],
        );
        let mark = "<!-- offen: Konstante aus dem Muster / open: constant of the sample -->";
        check(
            "v.xml",
            &format!("{mark}\n<!-- x -->\n<a>x</a>\n{mark}\n<a b:from='.x'>x</a>"),
            &["open-marks 1"],
        );
        let mark = "<!-- @k:x: offen: Konstante aus dem Muster / open: constant of the sample -->";
        check(
            "v.xml",
            &format!("{mark}\n<a k:x='1' b:from='.a'/>\n{mark}\n<a k:x='1' b:attr-k.x='.x'/>"),
            &["open-marks 1"],
        );
        let mark = |at: &str| format!("# offen: {at} hat den Wert / open: has the value\n");
        check(
            "package.toml",
            &(mark("/a") + &mark("/b") + &mark("/c")),
            &["open-marks 1"],
        );
    }
}
