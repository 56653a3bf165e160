//! Regions: the official regional key (*Amtlicher Regionalschlüssel*, ARS) and FIT-Connect's region prefixes.
//!
//! ARS = Land (2) Regierungsbezirk (1) Kreis (2) Gemeindeverband (4) Gemeinde (3). The AGS leaves out the four of
//! the Verband. Kreise are padded with zeros (a DVDV convention).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is not a regional key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedRegion {
    /// Not an ARS of 2, 3, 5, 9 or 12 digits (Routing API 2.0.0) with an optional `DE` before it.
    #[error("not an ARS: expected 2, 3, 5, 9 or 12 digits")]
    Ars,
    /// Not `DE` and up to 12 digits (Submission API 1.1.3, `regions`).
    #[error("not a region: expected `DE` and 0 to 12 digits of an ARS")]
    Region,
}

/// An ARS of 2, 3, 5, 9 or 12 digits: one place, or everything below it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ars(String);

impl Ars {
    /// The digits.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// From an AGS of 2, 3, 5 or 8 digits. Eight digits lack the Verband, so only the Kreis part and the
    /// Gemeinde's last three are known: for kreisfreie Städte and Kreise (ending `000`) this is exact.
    pub fn from_ags(ags: &str) -> Result<Self, MalformedRegion> {
        let digits = ags.bytes().all(|b| b.is_ascii_digit());
        match (digits, ags.len()) {
            (true, 2 | 3 | 5) => Ok(Self(ags.to_owned())),
            (true, 8) if ags.ends_with("000") => Ok(Self(format!("{}0000000", &ags[..5]))),
            // The Verband is not in the AGS: all of the Kreis is the closest true statement.
            (true, 8) => Ok(Self(ags[..5].to_owned())),
            _ => Err(MalformedRegion::Ars),
        }
    }
}

impl TryFrom<String> for Ars {
    type Error = MalformedRegion;

    fn try_from(text: String) -> Result<Self, MalformedRegion> {
        let digits = text.strip_prefix("DE").unwrap_or(&text);
        let fits = matches!(digits.len(), 2 | 3 | 5 | 9 | 12)
            && digits.bytes().all(|b| b.is_ascii_digit());
        if fits {
            Ok(Self(digits.to_owned()))
        } else {
            Err(MalformedRegion::Ars)
        }
    }
}

impl FromStr for Ars {
    type Err = MalformedRegion;

    fn from_str(text: &str) -> Result<Self, MalformedRegion> {
        Self::try_from(text.to_owned())
    }
}

impl From<Ars> for String {
    fn from(ars: Ars) -> Self {
        ars.0
    }
}

impl fmt::Display for Ars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Ars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ars:{}", self.0)
    }
}

/// `DE` and a prefix of an ARS, as a destination offers its services (`^DE[0-9]{0,12}$`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

impl Region {
    /// Whether a request for `ars` falls into this region. Trailing zeros of a padded Kreis or Land key
    /// stand for all of it (`DE064390000000` covers `064390001001`).
    pub fn covers(&self, ars: &Ars) -> bool {
        ars.0.starts_with(self.significant())
    }

    /// How precise the region is: the number of digits that say something. The route with the most wins.
    pub fn precision(&self) -> usize {
        self.significant().len()
    }

    /// The text, with `DE`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn significant(&self) -> &str {
        let digits = &self.0[2..];
        if digits.len() == 12 && digits.ends_with("0000000") {
            // Kreis or kreisfreie Stadt: everything in it has the same first five digits.
            &digits[..5]
        } else {
            digits
        }
    }
}

impl TryFrom<String> for Region {
    type Error = MalformedRegion;

    fn try_from(text: String) -> Result<Self, MalformedRegion> {
        let digits = text.strip_prefix("DE").ok_or(MalformedRegion::Region)?;
        let fits = digits.len() <= 12 && digits.bytes().all(|b| b.is_ascii_digit());
        if fits {
            Ok(Self(text))
        } else {
            Err(MalformedRegion::Region)
        }
    }
}

impl FromStr for Region {
    type Err = MalformedRegion;

    fn from_str(text: &str) -> Result<Self, MalformedRegion> {
        Self::try_from(text.to_owned())
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(region: &str, ars: &str) -> bool {
        region
            .parse::<Region>()
            .unwrap()
            .covers(&ars.parse().unwrap())
    }

    #[test]
    fn a_region_covers_what_lies_in_it() {
        for (region, ars) in [
            ("DE", "064140000000"),
            ("DE06", "064140000000"),
            ("DE064140000000", "064140000000"),
            ("DE064390000000", "064390001001"),
            ("DE064360005005", "064360005005"),
        ] {
            assert!(covers(region, ars), "{region} {ars}");
        }
        assert!(!covers("DE064140000000", "066110000000"));
        assert!(!covers("DE064360005005", "06436"));
    }

    #[test]
    fn an_ars_has_one_of_five_lengths() {
        for good in [
            "06",
            "064",
            "06414",
            "064360005",
            "064360005005",
            "DE064140000000",
        ] {
            assert!(good.parse::<Ars>().is_ok(), "{good}");
        }
        for bad in ["", "0", "0641", "06414000", "06414000000x", "DEx"] {
            assert!(bad.parse::<Ars>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_ags_becomes_the_closest_true_ars() {
        assert_eq!(Ars::from_ags("06414000").unwrap().digits(), "064140000000");
        assert_eq!(Ars::from_ags("06436005").unwrap().digits(), "06436");
        assert!(Ars::from_ags("0641400").is_err());
    }
}
