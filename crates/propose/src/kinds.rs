//! Lines that begin with the kind of their record: CSV and fixed width.

use crate::fixed::Column;
use crate::records::{Draft, DraftField, Repeats, kind_name};

/// The longest sign that says so by itself.
const SIGN_MAX: usize = 4;
/// The longest sign that is a word.
const WORD_MAX: usize = 16;
/// What signs of kinds look like, the most telling first: `A` a letter, `9` a digit.
const SIGNS: [&str; 12] = [
    "AAAA99", "AAA99", "AA99", "A999", "A99", "99", "A9", "AAAAAA", "AAAAA", "AAAA", "AAA", "A",
];

/// The kinds of the rows of a CSV file, if they are told by the first cell; `marks` says which cells are quoted.
pub(crate) fn of_csv(rows: &[Vec<String>], marks: &[Vec<bool>]) -> Option<Vec<Draft>> {
    let signs: Vec<&str> = rows
        .iter()
        .map(|row| row.first().map_or("", |cell| cell.trim()))
        .collect();
    let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
    let is_sign = |sign: &&str| {
        (1..=SIGN_MAX).contains(&sign.len()) && sign.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let is_told = signs.iter().all(is_sign) || are_words(&signs, &lengths);
    if !is_told || !are_kinds(&signs, &lengths) {
        return None;
    }
    let mut drafts: Vec<Draft> = Vec::new();
    for sign in distinct(&signs) {
        let of_kind = at(&signs, sign);
        let width = of_kind.first().and_then(|at| lengths.get(*at)).copied()?;
        let cell = |row: usize, column: usize| {
            let cell = rows.get(row).and_then(|row| row.get(column));
            cell.map_or_else(String::new, |cell| cell.trim().to_owned())
        };
        let mark = |column: usize| {
            let mut of_cells = of_kind.iter().filter(|row| !cell(**row, column).is_empty());
            let first = of_cells.next()?;
            marks.get(*first)?.get(column).copied()
        };
        let field = |column: usize| DraftField {
            values: of_kind.iter().map(|row| cell(*row, column)).collect(),
            quoted: mark(column),
            ..named(column + 1)
        };
        drafts.push(draft(sign, &of_kind, (0..width).map(field), &drafts));
    }
    Some(drafts)
}

/// The setting `quote` of a file with these kinds: each of their fields tells for itself, if texts have quotes they do not need.
pub(crate) fn quote(kinds: &mut [Draft], word: &'static str) -> &'static str {
    let fields = || kinds.iter().flat_map(|draft| &draft.fields);
    let is_plain = |field: &DraftField| {
        let mut values = field.values.iter();
        values.all(|value| value.chars().all(|c| c.is_alphanumeric() || c == ' '))
    };
    let is_marked = |field: &DraftField| field.quoted == Some(true) && is_plain(field);
    let word = match word {
        "always" => "always",
        _ if fields().any(is_marked) => "texts",
        _ => "needed",
    };
    if word != "texts" {
        for field in kinds.iter_mut().flat_map(|draft| &mut draft.fields) {
            field.quoted = None;
        }
    }
    word
}

/// The kinds of lines of fixed width, if they are told by what the lines begin with.
pub(crate) fn of_lines(
    lines: &[Vec<char>],
    guessed: impl Fn(&[Vec<char>]) -> Vec<Column>,
) -> Option<Vec<Draft>> {
    let texts: Vec<String> = lines.iter().map(|line| line.iter().collect()).collect();
    let lengths: Vec<usize> = lines.iter().map(Vec::len).collect();
    let (width, signs) = by_words(&texts, &lengths).or_else(|| by_pattern(&texts, &lengths))?;
    let mut drafts: Vec<Draft> = Vec::new();
    for sign in distinct(&signs) {
        let of_kind = at(&signs, sign);
        let rest: Vec<Vec<char>> = of_kind
            .iter()
            .filter_map(|at| lines.get(*at)?.get(width..).map(<[char]>::to_vec))
            .collect();
        let mut columns = vec![Column::of_width("SATZART", width)];
        columns.extend(guessed(&rest));
        drafts.push(of_columns((sign, &of_kind), lines, &columns, &drafts));
    }
    Some(drafts)
}

/// Signs of one form, and how wide they are.
fn by_pattern<'t>(texts: &'t [String], lengths: &[usize]) -> Option<(usize, Vec<&'t str>)> {
    SIGNS.into_iter().find_map(|pattern| {
        let signs: Option<Vec<&str>> = texts.iter().map(|text| sign(text, pattern)).collect();
        let signs = signs?;
        // Digits behind words of several kinds are those of the next field.
        let letters = pattern.trim_end_matches('9').len();
        let word = |sign: &&str| sign.get(..letters).map(str::to_owned);
        let is_one_word = || {
            signs
                .windows(2)
                .all(|pair| pair.first().map(word) == pair.last().map(word))
        };
        if pattern.len() > SIGN_MAX && pattern.contains('9') && !is_one_word() {
            return None;
        }
        let is_certain = pattern.contains('9') || distinct(&signs).len() < signs.len();
        let is_framed = || pattern.contains('9') && are_framed(&signs, lengths);
        let is_it = is_certain && (are_kinds(&signs, lengths) || is_framed());
        is_it.then_some((pattern.len(), signs))
    })
}

/// Signs that are words filled up with blanks (`KOPF  `, `PERSON`, `E2HUND    `), and how wide they are with these. The shorter ones tell
/// where the next field begins.
fn by_words<'t>(texts: &'t [String], lengths: &[usize]) -> Option<(usize, Vec<&'t str>)> {
    let behind = |text: &String| {
        let (word, rest) = text.split_once(' ')?;
        let blanks = rest.len() - rest.trim_start().len();
        (blanks < rest.len()).then_some(word.len() + 1 + blanks)
    };
    let width = texts.iter().filter_map(behind).min()?;
    let word = |text: &'t String| {
        let word = text.get(..width.min(text.len()))?.trim_end();
        is_word(word).then_some(word)
    };
    let signs: Vec<&str> = texts.iter().map(word).collect::<Option<_>>()?;
    let is_long = signs.iter().any(|sign| sign.len() >= SIGN_MAX);
    let is_marked = |sign: &&str| sign.bytes().any(|b| b.is_ascii_digit() || b == b'_');
    // Names of persons in capitals are words, too, and a number right behind a sign is none of its.
    let is_numbered = |sign: &&str| sign.ends_with(|c: char| c.is_ascii_digit());
    let are_marked = signs.iter().all(is_marked) && !signs.iter().all(is_numbered);
    let is_certain = are_marked || repeats_inside(&signs);
    let is_framed = || signs.iter().any(is_marked) && are_framed(&signs, lengths);
    let is_it = is_long && is_certain && (are_kinds(&signs, lengths) || is_framed());
    is_it.then_some((width, signs))
}

/// Words in capitals, as signs of kinds are.
fn is_word(word: &str) -> bool {
    word.len() <= WORD_MAX
        && word.starts_with(|c: char| c.is_ascii_uppercase())
        && word
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether cells are signs though they are long: a head and a trailer, and between them rows of several lengths. Rows of a table have one.
fn are_words(signs: &[&str], lengths: &[usize]) -> bool {
    let [_, inside @ .., _] = lengths else {
        return false;
    };
    let differ = inside.windows(2).any(|pair| pair.first() != pair.last());
    signs.iter().all(|sign| is_word(sign)) && differ && repeats_inside(signs)
}

/// Whether the first and the last stand there once, and one between them several times.
fn repeats_inside(signs: &[&str]) -> bool {
    let [first, inside @ .., last] = signs else {
        return false;
    };
    let is_alone = |sign: &&str| signs.iter().filter(|other| *other == sign).count() == 1;
    is_alone(first) && is_alone(last) && distinct(inside).len() < inside.len()
}

/// The kinds that a record description names; none if it names none. A line of no kind is left out.
pub(crate) fn described(lines: &[Vec<char>], columns: &[Column]) -> Option<Vec<Draft>> {
    let mut signs: Vec<&str> = columns.iter().filter_map(|one| one.of.as_deref()).collect();
    signs.dedup();
    let mut drafts: Vec<Draft> = Vec::new();
    for sign in signs {
        let of_kind: Vec<usize> = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| {
                line.iter()
                    .copied()
                    .take(sign.chars().count())
                    .eq(sign.chars())
            })
            .map(|(at, _)| at)
            .collect();
        let columns: Vec<Column> = columns
            .iter()
            .filter(|column| column.of.as_deref() == Some(sign))
            .cloned()
            .collect();
        let mut draft = of_columns((sign, &of_kind), lines, &columns, &drafts);
        for field in &mut draft.fields {
            field.is_nameless = false;
        }
        drafts.push(draft);
    }
    (!drafts.is_empty()).then_some(drafts)
}

fn of_columns(
    (sign, of_kind): (&str, &[usize]),
    lines: &[Vec<char>],
    columns: &[Column],
    known: &[Draft],
) -> Draft {
    let mut start = 0;
    let fields = columns.iter().enumerate().map(|(nr, column)| {
        let from = start;
        start += column.width;
        let text = |row: &usize| -> String {
            let line = lines.get(*row).map(Vec::as_slice).unwrap_or_default();
            line.iter().skip(from).take(column.width).collect()
        };
        let texts: Vec<String> = of_kind.iter().map(text).collect();
        let mut column = column.clone();
        column.align(&texts);
        DraftField {
            name: column.name.clone(),
            values: texts.iter().map(|text| text.trim().to_owned()).collect(),
            width: Some(column),
            ..named(nr + 1)
        }
    });
    let fields: Vec<DraftField> = fields.collect();
    draft(sign, of_kind, fields.into_iter(), known)
}

fn named(nr: usize) -> DraftField {
    DraftField {
        is_nameless: true,
        is_sign: nr == 1,
        ..DraftField::named(match nr {
            1 => "SATZART".to_owned(),
            nr => format!("FELD{nr}"),
        })
    }
}

fn draft(
    sign: &str,
    of_kind: &[usize],
    fields: impl Iterator<Item = DraftField>,
    known: &[Draft],
) -> Draft {
    Draft {
        name: kind_name(&format!("satz{sign}"), known),
        words: Vec::new(),
        fields: fields.collect(),
        rows: of_kind.iter().map(|at| at + 1).collect(),
        repeats: if of_kind.len() > 1 {
            Repeats::Surely
        } else {
            Repeats::Perhaps
        },
    }
}

/// Of one length each, several lengths in all, and no running numbers.
fn are_kinds(signs: &[&str], lengths: &[usize]) -> bool {
    let kinds = distinct(signs);
    let length_of = |kind: &str| {
        let mut of_kind = at(signs, kind).into_iter().filter_map(|at| lengths.get(at));
        let first = of_kind.next().copied();
        of_kind.all(|other| Some(*other) == first).then_some(first)
    };
    let of_kinds: Option<Vec<Option<usize>>> = kinds.iter().map(|kind| length_of(kind)).collect();
    let Some(of_kinds) = of_kinds else {
        return false;
    };
    let differ = of_kinds
        .iter()
        .any(|length| of_kinds.first() != Some(length));
    kinds.len() > 1 && differ && !is_counted(signs)
}

/// All of one length, with a head and a trailer.
fn are_framed(signs: &[&str], lengths: &[usize]) -> bool {
    let is_one_length = lengths.windows(2).all(|pair| pair.first() == pair.last());
    is_one_length && repeats_inside(signs) && !is_counted(signs)
}

/// Whether two lines in a row are numbered on: then they are rows of one kind.
fn is_counted(signs: &[&str]) -> bool {
    let numbers: Vec<Option<usize>> = signs.iter().map(|sign| sign.parse().ok()).collect();
    let goes_up =
        |pair: &[Option<usize>]| matches!(pair, [Some(one), Some(next)] if *next == one + 1);
    let steps = numbers.windows(2).filter(|pair| goes_up(pair)).count();
    steps > 0
        && steps * 2 >= numbers.len().saturating_sub(1)
        && distinct(signs).len() == signs.len()
        && numbers.iter().flatten().min() == Some(&1)
        && signs.iter().any(|sign| *sign == "1" || sign.len() > 2)
}

fn sign<'t>(text: &'t str, pattern: &str) -> Option<&'t str> {
    let sign = text.get(..pattern.len())?;
    let fits = |(c, form): (char, char)| match form {
        'A' => c.is_ascii_uppercase(),
        _ => c.is_ascii_digit(),
    };
    sign.chars().zip(pattern.chars()).all(fits).then_some(sign)
}

/// In the order they appear in.
fn distinct<'s>(signs: &[&'s str]) -> Vec<&'s str> {
    let mut kinds = Vec::new();
    for sign in signs {
        if !kinds.contains(sign) {
            kinds.push(*sign);
        }
    }
    kinds
}

fn at(signs: &[&str], kind: &str) -> Vec<usize> {
    let all = signs.iter().enumerate();
    all.filter(|(_, sign)| **sign == kind)
        .map(|(at, _)| at)
        .collect()
}
