//! The standards and messages known, each with what its standard fixes. A new message is one more line; a new version of a standard one
//! more [`Standard`] beside the old one: which one a submission gets is a matter of its moment of receipt and of the package.
//!
//! Sources: the schema files of XBau-Hochbau 2.4.0.1 and 2.6 and XBau-Kernmodul 1.2.1.1 and 1.3.0; for XPersonenstand, XMeld and
//! XAusländer 26.11 excerpts of the schema files; the schema files of xdomea 3.1.0; for XGewerbeanzeige 2.2 published sample messages. [`Basis`] says which.

/// A version of a standard.
#[derive(Debug, PartialEq, Eq)]
pub struct Standard {
    /// The format whose packages may use it.
    pub format: &'static str,
    /// Name in settings.
    pub name: &'static str,
    /// Value of the root's attribute `standard`.
    pub label: &'static str,
    /// Value of the root's attribute `version`.
    pub version: &'static str,
    /// The namespace of its messages.
    pub namespace: &'static str,
    /// The code list of its messages and that list's version, where messages name it.
    pub list: Option<(&'static str, &'static str)>,
    /// Which elements carry the namespace.
    pub form: Form,
    /// The header.
    pub header: Flavour,
    /// How directory keys are written.
    pub keys: Keys,
    /// Directory prefixes of the authorities its messages go to.
    pub readers: &'static [&'static str],
    /// What the packages of this project were checked against.
    pub basis: Basis,
}

/// Which elements of a message carry its standard's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Those declared by the standard itself; the message header and types of other modules do not.
    Qualified,
    /// The root only.
    RootOnly,
}

/// Which header a message has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// XÖV-Basisnachricht G2G 1.1, unqualified.
    Plain,
    /// The same with the author's address and at least one way to reach the author (XInneres basisnachricht 7).
    Inneres,
    /// The header of XGewerbeanzeige: qualified, `nachrichtenkopf`, keys in two parts.
    Gewerbe,
    /// The header of xdomea before 4.0.0: qualified, `Kopf`, a process id in place of the message's.
    Xdomea,
}

impl Flavour {
    /// The element's name.
    pub const fn element(self) -> &'static str {
        match self {
            Self::Plain | Self::Inneres => "nachrichtenkopf.g2g",
            Self::Gewerbe => "nachrichtenkopf",
            Self::Xdomea => "Kopf",
        }
    }

    /// Where in it the message's number stands.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Plain | Self::Inneres | Self::Gewerbe => {
                "identifikation.nachricht/nachrichtentyp"
            }
            Self::Xdomea => "Nachrichtentyp",
        }
    }

    /// Whether the root says standard and version.
    pub const fn is_versioned(self) -> bool {
        match self {
            Self::Plain | Self::Inneres | Self::Gewerbe => true,
            Self::Xdomea => false,
        }
    }
}

/// How directory keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// `prefix:key`.
    PrefixAndKey,
    /// Three small letters, a colon, digits (XBau Schematron sch-xbau-001 and -002).
    LettersAndDigits,
}

/// What the packages of this project were checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The published schemas.
    Published,
    /// An excerpt of the published schemas, written by hand: strict in what it has, without what it leaves out.
    Excerpt,
    /// Published sample messages; their structure stands as rules in [`crate::shape`].
    Samples,
}

const PLAIN: Standard = Standard {
    format: "xbau",
    name: "",
    label: "",
    version: "",
    namespace: "",
    list: None,
    form: Form::Qualified,
    header: Flavour::Plain,
    keys: Keys::LettersAndDigits,
    readers: &["bab", "ubb"],
    basis: Basis::Published,
};

const INNERES: Standard = Standard {
    header: Flavour::Inneres,
    keys: Keys::PrefixAndKey,
    basis: Basis::Excerpt,
    version: "26.11",
    ..PLAIN
};

/// XBau-Hochbau 2.4.0.1.
pub static HOCHBAU_2_4_0_1: Standard = Standard {
    name: "xbau-hochbau",
    label: "XBau-Hochbau",
    version: "2.4.0.1",
    namespace: "http://www.xleitstelle.de/xbau/2/4/0/1",
    list: Some(("urn:xoev-de:xbau:codeliste:xbau-nachrichten", "3.0")),
    ..PLAIN
};

/// XBau-Hochbau 2.6.
pub static HOCHBAU_2_6: Standard = Standard {
    name: "xbau-hochbau",
    label: "XBau-Hochbau",
    version: "2.6",
    namespace: "http://www.xleitstelle.de/xbau/2/6",
    list: Some(("urn:xoev-de:xbau:codeliste:xbau-nachrichten", "4.0")),
    ..PLAIN
};

/// XBau-Kernmodul 1.3.0.
pub static KERNMODUL_1_3_0: Standard = Standard {
    name: "xbau-kernmodul",
    label: "XBau-Kernmodul",
    version: "1.3.0",
    namespace: "http://www.xleitstelle.de/xbau/kernmodul/1/3/0",
    list: Some((
        "urn:xoev-de:xbau-kernmodul:codeliste:xbau-kernmodul-nachrichten",
        "3.0",
    )),
    form: Form::RootOnly,
    ..PLAIN
};

/// XPersonenstand 26.11.
pub static PERSONENSTAND_26_11: Standard = Standard {
    format: "xpersonenstand",
    name: "xpersonenstand",
    label: "XPersonenstand",
    namespace: "http://xpsw.domap.de/xpsw2611",
    list: Some((
        "urn:xoev-de:xpersonenstand:codelist:nachrichtentyp",
        "26.11",
    )),
    readers: &["psw"],
    ..INNERES
};

/// XMeld 26.11.
pub static MELD_26_11: Standard = Standard {
    format: "xmeld",
    name: "xmeld",
    label: "XMeld",
    namespace: "http://www.osci.de/xmeld2611",
    list: Some(("urn:de:xmeld:schluesseltabelle:xmeld.nachrichten", "26.11")),
    readers: &["ags"],
    ..INNERES
};

/// XAusländer 26.11.
pub static AUSLAENDER_26_11: Standard = Standard {
    format: "xauslaender",
    name: "xauslaender",
    label: "XAusländer",
    namespace: "http://www.osci.de/xauslaender2611",
    list: Some(("urn:de:xauslaender:codelist:nachrichtentyp", "19")),
    readers: &["azr"],
    ..INNERES
};

/// XGewerbeanzeige 2.2.
pub static GEWERBEANZEIGE_2_2: Standard = Standard {
    format: "xgewerbe",
    name: "xgewerbeanzeige",
    label: "XGewerbeanzeige",
    version: "2.2",
    namespace: "http://www.xgewerbeanzeige.de/spezifikation/2.2",
    list: None,
    header: Flavour::Gewerbe,
    keys: Keys::PrefixAndKey,
    readers: &[],
    basis: Basis::Samples,
    ..PLAIN
};

/// xdomea 3.1.0.
pub static XDOMEA_3_1_0: Standard = Standard {
    format: "xdomea",
    name: "xdomea",
    label: "xdomea",
    version: "3.1.0",
    namespace: "urn:xoev-de:xdomea:schema:3.1.0",
    list: Some(("urn:xoev-de:xdomea:codeliste:nachrichtentyp", "2.0")),
    header: Flavour::Xdomea,
    keys: Keys::PrefixAndKey,
    readers: &[],
    ..PLAIN
};

impl Standard {
    /// Whether its texts are of DIN 91379, data type C. Those of xdomea are any XML text.
    pub fn is_of_din_91379(&self) -> bool {
        self.header != Flavour::Xdomea
    }

    /// Whether messages name files that go along as primary documents ([`crate::Document::primary_documents`]).
    pub fn has_primary_documents(&self) -> bool {
        self.header == Flavour::Xdomea
    }
}

/// A message of a standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its standard.
    pub standard: &'static Standard,
    /// Its number: the code in `nachrichtentyp`.
    pub number: &'static str,
    /// Its name: the root element.
    pub name: &'static str,
}

const fn message(standard: &'static Standard, number: &'static str, name: &'static str) -> Message {
    Message {
        standard,
        number,
        name,
    }
}

/// Standard, number and name of every message that can be written.
pub static NAMES: [Message; 30] = [
    message(&HOCHBAU_2_4_0_1, "0200", "baugenehmigung.antrag.0200"),
    message(&HOCHBAU_2_4_0_1, "0210", "vorbescheid.antrag.0210"),
    message(&HOCHBAU_2_6, "0200", "baugenehmigung.antrag.0200"),
    message(&HOCHBAU_2_6, "0210", "vorbescheid.antrag.0210"),
    message(&KERNMODUL_1_3_0, "1200", "universellerAntrag.antrag.1200"),
    message(&PERSONENSTAND_26_11, "081030", "portal2StA.Geburt.081030"),
    message(&PERSONENSTAND_26_11, "081031", "portal2StA.Geburt.081031"),
    message(&PERSONENSTAND_26_11, "081032", "portal2StA.Geburt.081032"),
    message(&PERSONENSTAND_26_11, "082030", "portal2StA.Ehe.082030"),
    message(&PERSONENSTAND_26_11, "082031", "portal2StA.Ehe.082031"),
    message(&PERSONENSTAND_26_11, "082032", "portal2StA.Ehe.082032"),
    message(&PERSONENSTAND_26_11, "083030", "portal2StA.LP.083030"),
    message(&PERSONENSTAND_26_11, "083031", "portal2StA.LP.083031"),
    message(&PERSONENSTAND_26_11, "083032", "portal2StA.LP.083032"),
    message(
        &PERSONENSTAND_26_11,
        "084030",
        "portal2StA.Sterbefall.084030",
    ),
    message(
        &PERSONENSTAND_26_11,
        "084032",
        "portal2StA.Sterbefall.084032",
    ),
    message(
        &MELD_26_11,
        "1700",
        "onlinedienste.abrufanfrage.meldebescheinigung.1700",
    ),
    message(
        &MELD_26_11,
        "1702",
        "onlinedienste.abrufanfrage.vorausgefuellterMeldeschein.1702",
    ),
    message(
        &MELD_26_11,
        "1704",
        "onlinedienste.anmeldung.meldeschein.1704",
    ),
    message(
        &MELD_26_11,
        "1708",
        "onlinedienste.abrufanfrage.selbstauskunftMelderegister.1708",
    ),
    message(
        &MELD_26_11,
        "1711",
        "onlinedienste.abrufanfrage.widerspruecheUebermittlungssperren.1711",
    ),
    message(&AUSLAENDER_26_11, "130101", "OZG.Antrag.130101"),
    message(&AUSLAENDER_26_11, "130103", "OZG.RueckkanalAntwort.130103"),
    message(&AUSLAENDER_26_11, "130111", "OZG.Ruecknahme.130111"),
    message(&GEWERBEANZEIGE_2_2, "0100", "sta.gewerbemeldung.0100"),
    message(&GEWERBEANZEIGE_2_2, "0300", "alg.gewerbemeldung.0300"),
    message(&GEWERBEANZEIGE_2_2, "0500", "abh.gewerbemeldung.0500"),
    message(&XDOMEA_3_1_0, "0401", "Abgabe.Abgabe.0401"),
    message(&XDOMEA_3_1_0, "0604", "FVDaten.SGOErstellen.0604"),
    message(&XDOMEA_3_1_0, "0605", "FVDaten.SGOAblegen.0605"),
];

impl Message {
    /// The message of that standard, version and number, if it is known.
    pub fn named(standard: &str, version: &str, number: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|message| {
                message.standard.name == standard
                    && message.standard.version == version
                    && message.number == number
            })
            .copied()
    }

    /// For people: standard, version and number.
    pub fn label(&self) -> String {
        format!(
            "{} {} {}",
            self.standard.name, self.standard.version, self.number
        )
    }
}
