//! What the rules of XML Schema are called, German and English. The library's own messages quote values and are
//! not used.

use amtsbote_problem::Bilingual;

/// For elements where others were expected: what came instead, or nothing.
pub(super) fn misplaced(what: Misplaced) -> Bilingual {
    match what {
        Misplaced::Child => Bilingual::new("steht hier nicht", "is not allowed here"),
        Misplaced::End => Bilingual::new("es fehlt ein Element", "lacks an element"),
    }
}

/// Where the content of an element breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misplaced {
    /// At a child that has no place.
    Child,
    /// At the end tag.
    End,
}

/// A sentence for a rule's code (XML Schema 1.0 Structures, `cvc-…`).
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn detail(code: &str) -> Bilingual {
    let (de, en) = match code {
        "cvc-complex-type.4" => (
            "es fehlt ein Pflichtattribut",
            "a required attribute is missing",
        ),
        "cvc-complex-type.3.2.2"
        | "cvc-complex-type.3.2.1"
        | "cvc-complex-type.3"
        | "cvc-complex-type.5" => (
            "das Attribut ist hier nicht erlaubt",
            "the attribute is not allowed here",
        ),
        "cvc-complex-type.2.3" => (
            "darf keinen Text enthalten, nur Elemente",
            "must contain elements only, no text",
        ),
        "cvc-complex-type.2.1" => ("muss leer sein", "must be empty"),
        "cvc-elt.1" => (
            "dieses Wurzelelement kennt das Schema nicht",
            "the schema does not know this root element",
        ),
        "cvc-elt.2" | "cvc-type.2" => (
            "ist abstrakt: einen konkreten Typ angeben",
            "is abstract: a concrete type is needed",
        ),
        "cvc-elt.3.1" | "cvc-elt.3.2.1" | "cvc-elt.3.2.2" => (
            "xsi:nil ist hier nicht erlaubt",
            "xsi:nil is not allowed here",
        ),
        "cvc-elt.4.1" | "cvc-elt.4.2" | "cvc-elt.4.3" => (
            "xsi:type nennt keinen hier zulässigen Typ",
            "xsi:type names no type allowed here",
        ),
        "cvc-pattern-valid" => (
            "entspricht nicht dem vorgeschriebenen Muster",
            "does not match the required pattern",
        ),
        "cvc-enumeration-valid" => (
            "ist keiner der zugelassenen Werte",
            "is none of the allowed values",
        ),
        "cvc-length-valid" => (
            "hat nicht die vorgeschriebene Länge",
            "does not have the required length",
        ),
        "cvc-minLength-valid" => ("ist zu kurz", "is too short"),
        "cvc-maxLength-valid" => ("ist zu lang", "is too long"),
        "cvc-minInclusive-valid" | "cvc-minExclusive-valid" => ("ist zu klein", "is too small"),
        "cvc-maxInclusive-valid" | "cvc-maxExclusive-valid" => ("ist zu groß", "is too large"),
        "cvc-totalDigits-valid" | "cvc-fractionDigits-valid" => {
            ("hat zu viele Stellen", "has too many digits")
        }
        "cvc-attribute.4" | "cvc-elt.5.2.2" | "cvc-elt.5.2.2.1" | "cvc-elt.5.2.2.2" | "cvc-au" => (
            "hat nicht den fest vorgeschriebenen Wert",
            "does not have the fixed value",
        ),
        "cvc-id.1" => (
            "verweist auf eine Kennung (ID), die es nicht gibt",
            "refers to an ID that does not exist",
        ),
        "cvc-id.2" => (
            "die Kennung (ID) kommt mehrmals vor",
            "the ID occurs more than once",
        ),
        "cvc-schema-location" => (
            "xsi:schemaLocation braucht Paare von Adressen",
            "xsi:schemaLocation needs pairs of addresses",
        ),
        _ if code.starts_with("cvc-identity-constraint") => (
            "verletzt eine Eindeutigkeits- oder Verweisregel",
            "breaks a rule of uniqueness or reference",
        ),
        _ if code.starts_with("cvc-datatype")
            || code.starts_with("cvc-simple")
            || code.starts_with("cvc-attribute") =>
        {
            (
                "ist kein gültiger Wert des Datentyps",
                "is not a valid value of the data type",
            )
        }
        _ => ("entspricht nicht dem Schema", "does not fit the schema"),
    };
    Bilingual::new(de, en)
}
