//! The messages known, each with what its standard fixes. A new message of a known standard is one more line in [`NAMES`].
//!
//! Sources: XBau 2.6 and XBau-Kernmodul 1.3.0, schema files (`targetNamespace`, fixed attributes, code types).

/// A version of a standard.
#[derive(Debug, PartialEq, Eq)]
pub struct Standard {
    /// Name in settings.
    pub name: &'static str,
    /// Value of the root's attribute `standard`.
    pub label: &'static str,
    /// Value of the root's attribute `version`.
    pub version: &'static str,
    /// The namespace of its messages.
    pub namespace: &'static str,
    /// The code list of its messages.
    pub list_uri: &'static str,
    /// That list's version.
    pub list_version: &'static str,
    /// Which elements carry the namespace.
    pub form: Form,
}

/// Which elements of a message carry its standard's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Those declared by the standard itself; the message header and types of other modules do not.
    Qualified,
    /// The root only.
    RootOnly,
}

/// XBau-Hochbau 2.6.
pub static HOCHBAU_2_6: Standard = Standard {
    name: "xbau-hochbau",
    label: "XBau-Hochbau",
    version: "2.6",
    namespace: "http://www.xleitstelle.de/xbau/2/6",
    list_uri: "urn:xoev-de:xbau:codeliste:xbau-nachrichten",
    list_version: "4.0",
    form: Form::Qualified,
};

/// XBau-Kernmodul 1.3.0.
pub static KERNMODUL_1_3_0: Standard = Standard {
    name: "xbau-kernmodul",
    label: "XBau-Kernmodul",
    version: "1.3.0",
    namespace: "http://www.xleitstelle.de/xbau/kernmodul/1/3/0",
    list_uri: "urn:xoev-de:xbau-kernmodul:codeliste:xbau-kernmodul-nachrichten",
    list_version: "3.0",
    form: Form::RootOnly,
};

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

/// Standard, number and name of every message known.
pub static NAMES: [Message; 2] = [
    Message {
        standard: &HOCHBAU_2_6,
        number: "0200",
        name: "baugenehmigung.antrag.0200",
    },
    Message {
        standard: &KERNMODUL_1_3_0,
        number: "1200",
        name: "universellerAntrag.antrag.1200",
    },
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
