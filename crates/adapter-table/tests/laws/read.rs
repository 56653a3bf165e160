//! Readers of keys and values and of segments, as a procedure has them: they know the column list's names, nothing of the writer.

use std::collections::BTreeMap;

use amtsbote_adapter::laws::explained::Leaf;

/// All kinds of records, outermost first.
fn kinds(list: &toml::Table) -> Vec<&toml::Table> {
    let mut kinds = Vec::new();
    let records = list.get("record").and_then(toml::Value::as_array);
    for record in records
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table)
    {
        kinds.push(record);
        kinds.extend(self::kinds(record));
    }
    kinds
}

fn word<'t>(table: &'t toml::Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(toml::Value::as_str)
}

fn fields(record: &toml::Table) -> impl Iterator<Item = &toml::Table> {
    let fields = record.get("field").and_then(toml::Value::as_array);
    fields
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table)
}

/// The number in a text made after a template; 1 where the template has none.
fn number(template: &str, text: &str) -> Option<usize> {
    let Some((before, rest)) = template.split_once('{') else {
        return (template == text).then_some(1);
    };
    let (placeholder, behind) = rest.split_once('}')?;
    let number = text.strip_prefix(before)?.strip_suffix(behind)?;
    let number: usize = number.parse().ok()?;
    Some(number + usize::from(placeholder.starts_with("nr0")))
}

pub(crate) fn keys(list: &toml::Table, text: &str, separator: &str) -> Vec<Leaf> {
    let kinds = kinds(list);
    let mut leaves = Vec::new();
    // The section the lines belong to, and which of its kind it is.
    let (mut here, mut nth) = (0, 1);
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(title) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            let found = kinds
                .iter()
                .enumerate()
                .find_map(|(at, record)| Some((at, number(word(record, "section")?, title)?)));
            (here, nth) = found.unwrap();
            let name = word(kinds[here], "name").unwrap();
            leaves.push((format!("{name}[{nth}]/@section"), title.to_owned()));
            continue;
        }
        let (place, value) = place(&kinds[here..], nth, (line, separator));
        leaves.push((place, value.to_owned()));
    }
    leaves
}

/// The field a line belongs to: of this section, else of one of the kinds that follow it.
fn place<'l>(
    kinds: &[&toml::Table],
    nth: usize,
    (line, separator): (&'l str, &str),
) -> (String, &'l str) {
    for (at, record) in kinds.iter().enumerate() {
        for field in fields(record) {
            let name = format!("/{}", word(field, "name").unwrap());
            let kind = word(record, "name").unwrap();
            let key = word(field, "key").or(word(field, "name")).unwrap();
            if key.is_empty() && word(field, "text") == Some(line) {
                return (format!("{kind}[1]{name}"), line);
            }
            let Some((found, value)) = line.split_once(separator) else {
                continue;
            };
            let Some(of_key) = number(key, found.trim()) else {
                continue;
            };
            let nth = if at == 0 { nth.max(of_key) } else { of_key };
            return (format!("{kind}[{nth}]{name}"), value.trim());
        }
    }
    panic!("nothing has the line {line}")
}

pub(crate) fn segments(list: &toml::Table, text: &str, settings: &toml::Table) -> Vec<Leaf> {
    let signs = settings
        .get("segments")
        .and_then(toml::Value::as_table)
        .unwrap();
    let sign = |key: &str, default: &'static str| {
        word(signs, key).map_or(default.to_owned(), str::to_owned)
    };
    let is_hl7 = word(signs, "escape") == Some("hl7");
    // HL7 never writes a separator inside of a value; in EDIFACT the sign before it tells.
    let release = if is_hl7 {
        None
    } else {
        sign("release", "?").chars().next()
    };
    let split = |text: &str, sign: &str| split(text, sign.chars().next(), release);
    let mut leaves = Vec::new();
    let mut rest = text;
    if signs.get("service_advice").is_some() {
        let advice;
        (advice, rest) = text.split_at(9);
        assert!(advice.starts_with("UNA"));
        leaves.push(("file[1]/@service_advice".to_owned(), advice.to_owned()));
    }
    let mut seen = BTreeMap::<String, usize>::new();
    for segment in split(rest, &sign("terminator", "'")) {
        let segment = segment.trim_start_matches(['\r', '\n']);
        if segment.is_empty() {
            continue;
        }
        let is_of = |record: &&toml::Table| segment.starts_with(word(record, "tag").unwrap());
        let record = kinds(list).into_iter().find(is_of).unwrap();
        let tag = word(record, "tag").unwrap();
        let name = word(record, "name").unwrap();
        let nth = seen.entry(name.to_owned()).or_default();
        *nth += 1;
        leaves.push((format!("{name}[{nth}]/@tag"), tag.to_owned()));
        let elements = split(&segment[tag.len()..], &sign("element", "+"));
        let mut next = 1;
        for field in fields(record) {
            let at = word(field, "at").map_or(next.to_string(), str::to_owned);
            let is_again = at.contains('[');
            let numbers = at.replace(']', "");
            let numbers = numbers.split(['.', '[']).map(|nr| nr.parse().unwrap());
            let mut at: Vec<usize> = numbers.collect();
            let repetition = if is_again { at.remove(1) } else { 1 };
            next = at[0] + 1;
            let element = elements.get(at[0]).map_or("", String::as_str);
            let repetitions = split(element, &sign("repetition", ""));
            let repeated = repetitions.get(repetition - 1).map_or("", String::as_str);
            let components = split(repeated, &sign("component", ":"));
            let component = components.get(at.get(1).map_or(0, |nr| nr - 1));
            let component = component.map_or("", String::as_str);
            let parts = split(component, &sign("part", ""));
            let part = parts.get(at.get(2).map_or(0, |nr| nr - 1));
            let field = word(field, "name").unwrap();
            let text = part.cloned().unwrap_or_default();
            leaves.push((format!("{name}[{nth}]/{field}"), text));
        }
    }
    leaves
}

/// The pieces between signs that no release character stands before; it stays in them.
fn split(text: &str, sign: Option<char>, release: Option<char>) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut is_released = false;
    for c in text.chars() {
        let is_plain = std::mem::take(&mut is_released);
        if !is_plain && Some(c) == sign {
            pieces.push(String::new());
            continue;
        }
        is_released = !is_plain && Some(c) == release;
        pieces.last_mut().unwrap().push(c);
    }
    pieces
}
