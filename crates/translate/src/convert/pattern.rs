//! Date patterns: `yyyy yy MM dd HH mm ss` stand for digits, `M d H` for the same without a zero in front, every other character but a letter for itself.

/// A pattern, cut into its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    Month,
    Day,
    ShortMonth,
    ShortDay,
    ShortHour,
    Hour,
    Minute,
    Second,
    Literal(char),
}

/// What a pattern may print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    Date,
    Time,
    Both,
}

/// Numbers for the parts; unknown ones are 0.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
}

const PARTS: [(&str, Part); 10] = [
    ("yyyy", Part::Year),
    ("yy", Part::ShortYear),
    ("MM", Part::Month),
    ("dd", Part::Day),
    ("HH", Part::Hour),
    ("mm", Part::Minute),
    ("ss", Part::Second),
    ("M", Part::ShortMonth),
    ("d", Part::ShortDay),
    ("H", Part::ShortHour),
];

impl Pattern {
    /// None if a letter is left over, the pattern is too long, or it asks for what `fields` has not.
    pub(super) fn parse(text: &str, fields: Fields) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let known = PARTS.iter().find(|(name, _)| rest.starts_with(name));
            let (part, length) = match known {
                Some((name, part)) => (*part, name.len()),
                None if first.is_alphabetic() => return None,
                None => (Part::Literal(first), first.len_utf8()),
            };
            parts.push(part);
            rest = &rest[length..];
        }
        let fits = parts.iter().all(|part| part.fits(fields));
        (fits && !parts.is_empty() && text.len() <= 64).then_some(Self(parts))
    }

    pub(super) fn print(&self, moment: Moment) -> String {
        let part = |part: &Part| match part {
            Part::Year => format!("{:04}", moment.year),
            Part::ShortYear => format!("{:02}", moment.year % 100),
            Part::Month => format!("{:02}", moment.month),
            Part::Day => format!("{:02}", moment.day),
            Part::Hour => format!("{:02}", moment.hour),
            Part::Minute => format!("{:02}", moment.minute),
            Part::Second => format!("{:02}", moment.second),
            Part::ShortMonth => moment.month.to_string(),
            Part::ShortDay => moment.day.to_string(),
            Part::ShortHour => moment.hour.to_string(),
            Part::Literal(char) => char.to_string(),
        };
        self.0.iter().map(part).collect()
    }
}

impl Part {
    fn fits(self, fields: Fields) -> bool {
        match self {
            Self::Year
            | Self::ShortYear
            | Self::Month
            | Self::Day
            | Self::ShortMonth
            | Self::ShortDay => fields != Fields::Time,
            Self::Hour | Self::ShortHour | Self::Minute | Self::Second => fields != Fields::Date,
            Self::Literal(_) => true,
        }
    }
}
