//! The closed set of words, shared by all kinds of samples: a [`Binding`] gives one text, a [`Scope`] says whether
//! and how often a part stands there.

use std::sync::Arc;

use crate::codes::{CodeMap, CodeMaps};
use crate::convert::Conversion;
use crate::expression::Expression;
use crate::fault::FaultKind;

/// Where one text comes from.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    pub(crate) from: Expression,
    pub(crate) conversions: Vec<Conversion>,
    pub(crate) codes: Option<Arc<CodeMap>>,
    pub(crate) missing: Missing,
    /// Whether it looks among the attachments.
    pub(crate) is_of_attachment: bool,
    pub(crate) line: Option<u32>,
}

/// The words of a binding, as written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Words<'t> {
    pub(crate) from: Option<&'t str>,
    pub(crate) convert: Option<&'t str>,
    pub(crate) codes: Option<&'t str>,
    pub(crate) missing: Option<&'t str>,
}

impl Words<'_> {
    /// The binding, if `from` is there. Faults go to `faults`.
    pub(crate) fn read(
        self,
        line: Option<u32>,
        codes: &CodeMaps,
        faults: &mut Vec<FaultKind>,
    ) -> Option<Binding> {
        let mut keep = |kind| faults.push(kind);
        let conversions = self
            .convert
            .and_then(|text| Conversion::parse_all(text).map_err(&mut keep).ok())
            .unwrap_or_default();
        let map = self.codes.and_then(|name| {
            let map = codes.named(name).cloned();
            if map.is_none() {
                keep(FaultKind::UnknownCodeMap {
                    name: name.to_owned(),
                });
            }
            map
        });
        let missing = Missing::parse("missing", self.missing.unwrap_or("report"))
            .map_err(&mut keep)
            .unwrap_or(Missing::Report);
        let written = self.from?;
        let from = Expression::parse(written).map_err(&mut keep).ok()?;
        Some(Binding {
            from,
            is_of_attachment: written.contains("$attachments"),
            conversions,
            codes: map,
            missing,
            line,
        })
    }

    /// A word that makes no sense without `from`, if one is there.
    pub(crate) fn orphan(&self) -> Option<&'static str> {
        let words = [
            ("as", self.convert),
            ("codes", self.codes),
            ("missing", self.missing),
        ];
        let orphan = words.into_iter().find(|(_, word)| word.is_some());
        self.from.is_none().then_some(orphan?.0)
    }
}

impl Binding {
    /// The conversions and the code map as written, for the lineage.
    pub(crate) fn conversion_text(&self) -> Option<String> {
        let mut words: Vec<String> = self
            .conversions
            .iter()
            .filter(|conversion| !conversion.is_text())
            .map(|conversion| conversion.text().to_owned())
            .collect();
        words.extend(self.codes.iter().map(|map| format!("codes:{}", map.name())));
        (!words.is_empty()).then(|| words.join(" | "))
    }
}

/// What happens where there is no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Missing {
    Report,
    Drop,
    Empty,
    Default(String),
}

impl Missing {
    pub(crate) fn parse(word: &str, text: &str) -> Result<Self, FaultKind> {
        match (text, text.strip_prefix("default:")) {
            ("report", _) => Ok(Self::Report),
            ("drop", _) => Ok(Self::Drop),
            ("empty", _) => Ok(Self::Empty),
            (_, Some(default)) => Ok(Self::Default(default.to_owned())),
            (_, None) => Err(FaultKind::BadValue {
                word: word.to_owned(),
                text: text.to_owned(),
                allowed: "report, drop, empty, default:TEXT".to_owned(),
            }),
        }
    }
}

/// Whether and how often a part stands in the output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    pub(crate) each: Option<Expression>,
    pub(crate) condition: Option<Expression>,
    pub(crate) when_empty: WhenEmpty,
}

/// What happens to a part none of whose bindings got a value from the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum WhenEmpty {
    #[default]
    Keep,
    Drop,
}

impl WhenEmpty {
    pub(crate) fn parse(word: Option<&str>) -> Result<Self, FaultKind> {
        match word {
            None | Some("keep") => Ok(Self::Keep),
            Some("drop") => Ok(Self::Drop),
            Some(text) => Err(FaultKind::BadValue {
                word: "empty".to_owned(),
                text: text.to_owned(),
                allowed: "drop, keep".to_owned(),
            }),
        }
    }
}

impl Scope {
    pub(crate) fn read(
        each: Option<&str>,
        condition: Option<&str>,
        empty: Option<&str>,
        faults: &mut Vec<FaultKind>,
    ) -> Self {
        let mut expression = |text: Option<&str>| {
            text.and_then(|text| {
                Expression::parse(text)
                    .map_err(|kind| faults.push(kind))
                    .ok()
            })
        };
        let (each, condition) = (expression(each), expression(condition));
        let when_empty = WhenEmpty::parse(empty).unwrap_or_else(|kind| {
            faults.push(kind);
            WhenEmpty::Keep
        });
        Self {
            each,
            condition,
            when_empty,
        }
    }
}

/// The line, from 1, of byte `offset` in `text`.
pub(crate) fn line_at(text: &str, offset: usize) -> u32 {
    let before = text.as_bytes().iter().take(offset);
    let breaks = before.filter(|byte| **byte == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}
