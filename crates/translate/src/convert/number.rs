//! `number`, `number:0,00`: the argument is a sample of the output. Zeros before the separator say how many digits there
//! are at least, zeros after it how many decimals there are exactly; the separator is `.` or `,`. Digits are added,
//! never rounded away: who wants rounding writes `round` in the expression. `0.000,00` has a sign between groups of three, too.

/// A form of decimal numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct NumberForm {
    shape: Option<Shape>,
}

#[derive(Debug, Clone)]
struct Shape {
    /// Between groups of three digits.
    groups: Option<char>,
    digits_min: usize,
    separator: char,
    decimals: usize,
}

/// More digits than this no form has.
const DIGITS_MAX: usize = 64;

impl NumberForm {
    pub(super) fn parse(argument: Option<&str>) -> Option<Self> {
        let Some(sample) = argument else {
            return Some(Self::default());
        };
        let (groups, sample) = grouped(sample);
        let sample = sample.as_str();
        let (whole, decimals, separator) = match sample.find(['.', ',']) {
            Some(at) => (
                &sample[..at],
                &sample[at + 1..],
                sample[at..].chars().next()?,
            ),
            None => (sample, "", '.'),
        };
        let zeros = |text: &str| text.bytes().all(|byte| byte == b'0');
        let sound = zeros(whole)
            && zeros(decimals)
            && !whole.is_empty()
            && sample.len() <= DIGITS_MAX
            && !sample.ends_with(['.', ',']);
        sound.then_some(Self {
            shape: Some(Shape {
                groups,
                digits_min: whole.len(),
                separator,
                decimals: decimals.len(),
            }),
        })
    }

    pub(super) fn apply(&self, text: &str) -> Option<String> {
        let decimal = Decimal::parse(text.trim())?;
        let Some(shape) = &self.shape else {
            return Some(decimal.print(1, '.', decimal.fraction.len()));
        };
        let decimal = if decimal.fraction.len() > shape.decimals {
            decimal.without_noise()?
        } else {
            decimal
        };
        (decimal.fraction.len() <= shape.decimals).then(|| {
            let printed = decimal.print(shape.digits_min, shape.separator, shape.decimals);
            match shape.groups {
                Some(sign) => with_groups(&printed, sign, shape.separator),
                None => printed,
            }
        })
    }
}

/// `0.000,00`: the sign between groups of three, and the sample without it. (`0.000` has three decimals.)
fn grouped(sample: &str) -> (Option<char>, String) {
    for (group, point) in [('.', ','), (',', '.')] {
        if let Some(decimals) = sample.strip_prefix(&format!("0{group}000{point}")) {
            return (Some(group), format!("0{point}{decimals}"));
        }
    }
    (None, sample.to_owned())
}

fn with_groups(printed: &str, sign: char, separator: char) -> String {
    let end = printed.find(separator).unwrap_or(printed.len());
    let (whole, rest) = printed.split_at(end);
    let (minus, digits) = whole.split_at(usize::from(whole.starts_with('-')));
    let mut out = minus.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(sign);
        }
        out.push(digit);
    }
    out + rest
}

/// A decimal number, without zeros at its two ends.
struct Decimal {
    negative: bool,
    whole: String,
    fraction: String,
}

impl Decimal {
    /// Takes `-12`, `12.50`, and `1.2e-7` as JSON writes numbers (RFC 8259 §6); no thousands' separators.
    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text
            .strip_prefix('-')
            .map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let long = whole.len() + fraction.len() + usize::try_from(exponent.unsigned_abs()).ok()?;
        if !digits(whole) || !digits(fraction) || long > 2 * DIGITS_MAX {
            return None;
        }
        let (whole, fraction) = shift(whole, fraction, exponent);
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self {
            negative: negative && !zero,
            whole,
            fraction,
        })
    }

    /// Sums of amounts carry noise behind the digits a computer's number keeps (`0.1 + 0.2`): with 16 digits and more, the
    /// number to 15 digits. None for fewer: those were meant.
    fn without_noise(&self) -> Option<Self> {
        const KEPT: usize = 15;
        if self.whole.len() + self.fraction.trim_start_matches('0').len() <= KEPT {
            return None;
        }
        let text = format!("{}.{}", self.whole, self.fraction);
        let near: f64 = format!("{:.*e}", KEPT - 1, text.parse::<f64>().ok()?)
            .parse()
            .ok()?;
        let mut rounded = Self::parse(&near.to_string())?;
        rounded.negative = self.negative;
        Some(rounded)
    }

    fn print(&self, digits_min: usize, separator: char, decimals: usize) -> String {
        let sign = if self.negative { "-" } else { "" };
        let whole = &self.whole;
        if decimals == 0 {
            return format!("{sign}{whole:0>digits_min$}");
        }
        format!(
            "{sign}{whole:0>digits_min$}{separator}{:0<decimals$}",
            self.fraction
        )
    }
}

/// Moves the point by `exponent` places.
fn shift(whole: &str, fraction: &str, exponent: i32) -> (String, String) {
    let places = usize::try_from(exponent.unsigned_abs()).unwrap_or(0);
    if exponent >= 0 {
        let padded = format!("{fraction:0<places$}");
        let (moved, rest) = padded.split_at(places);
        (format!("{whole}{moved}"), rest.to_owned())
    } else {
        let padded = format!("{whole:0>places$}");
        let (rest, moved) = padded.split_at(padded.len() - places);
        (rest.to_owned(), format!("{moved}{fraction}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: &str, text: &str, expected: Option<&str>) {
        let form = NumberForm::parse(Some(form).filter(|form| !form.is_empty())).unwrap();
        assert_eq!(form.apply(text).as_deref(), expected);
    }

    #[test]
    fn a_sample_gives_the_form() {
        check("", "12.50", Some("12.5"));
        check("", "-0.0", Some("0"));
        check("", "007", Some("7"));
        check("", "1.5e3", Some("1500"));
        check("", "12e-4", Some("0.0012"));
        check("0,00", "1234.5", Some("1234,50"));
        check("0.00", "-3", Some("-3.00"));
        check("00000", "42", Some("00042"));
        check("00000", "123456", Some("123456"));
        check("0.000,00", "1234567.5", Some("1.234.567,50"));
        check("0.000,00", "-999.5", Some("-999,50"));
        check("0,000.00", "1000", Some("1,000.00"));
        check("0.000", "1.5", Some("1.500"));
    }

    #[test]
    fn noise_of_sums_is_no_amount() {
        check("0,00", "0.30000000000000004", Some("0,30"));
        check("0,00", "-19.989999999999998", Some("-19,99"));
        check("0,00", "1234567.8900000001", Some("1234567,89"));
        check("0,00", "0.305", None);
        check("0,00", "19.98999999", None);
    }

    #[test]
    fn nothing_is_rounded_away_and_nothing_guessed() {
        check("0.00", "1.234", None);
        check("0", "1.5", None);
        check("", "1.234,56", None);
        check("", "1,5", None);
        check("", "", None);
        check("", ".5", None);
        check("", "NaN", None);
        check("", "1e999999999", None);
    }

    #[test]
    fn a_form_of_anything_but_zeros_is_refused() {
        for form in ["0,", "#", ",00", "0.0.0", "1"] {
            assert!(NumberForm::parse(Some(form)).is_none(), "{form}");
        }
    }
}
