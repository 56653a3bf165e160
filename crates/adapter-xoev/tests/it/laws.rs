//! The laws of target formats.

use amtsbote_adapter::laws::format::Bench;
use amtsbote_adapter::{Format, Package};

struct Xbau;

impl Bench for Xbau {
    fn format(&self) -> Box<dyn Format> {
        Box::new(crate::packages::bare("xbau"))
    }

    fn packages(&self) -> Vec<Package> {
        crate::packages::of_format("xbau")
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        let package = crate::packages::of_format("xbau").remove(0);
        let set = |key: &str, value: &str| {
            let mut changed = package.clone();
            changed.settings.insert(key.to_owned(), value.into());
            changed
        };
        let sample = |from: &str, to: &str| {
            let mut changed = package.clone();
            let text = String::from_utf8(changed.files["nachricht.xml"].clone()).unwrap();
            assert!(text.contains(from), "{from}");
            changed.files.insert(
                "nachricht.xml".to_owned(),
                text.replace(from, to).into_bytes(),
            );
            changed
        };
        vec![
            ("an unknown message", set("message", "0999")),
            ("an unknown version", set("version", "9.9")),
            ("a message of another format", set("standard", "xmeld")),
            ("an unknown choice of characters", set("characters", "drop")),
            (
                "code lists required and none installed",
                set("code_lists", "required"),
            ),
            ("an unknown setting", set("nachricht", "1200")),
            ("a template that is not there", set("template", "fehlt.xml")),
            ("a file name without uuid", set("file_name", "antrag.xml")),
            (
                "a file name with a folder",
                set("file_name", "{uuid}/antrag.xml"),
            ),
            (
                "schemas required and none installed",
                set("schemas", "required"),
            ),
            (
                "a header element that carries the namespace",
                sample("nachrichtenkopf.g2g>", "xbauk:nachrichtenkopf.g2g>"),
            ),
            (
                "another message's code",
                sample("<code>1200</code>", "<code>1205</code>"),
            ),
            (
                "another version of the message list",
                sample(
                    "kernmodul-nachrichten\" listVersionID=\"3.0\"",
                    "kernmodul-nachrichten\" listVersionID=\"2.0\"",
                ),
            ),
            (
                "another standard",
                sample("standard=\"XBau-Kernmodul\"", "standard=\"XBau-Hochbau\""),
            ),
        ]
    }
}

amtsbote_adapter::format_laws!(Xbau);

/// The formats whose packages are all alike but for the standard.
struct Other(&'static str);

impl Bench for Other {
    fn format(&self) -> Box<dyn Format> {
        Box::new(crate::packages::bare(self.0))
    }

    fn packages(&self) -> Vec<Package> {
        crate::packages::of_format(self.0)
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        let package = crate::packages::of_format(self.0).remove(0);
        let changed = |from: &str, to: &str| {
            let mut changed = package.clone();
            let text = String::from_utf8(changed.files["nachricht.xml"].clone()).unwrap();
            assert!(text.contains(from), "{from}");
            let text = text.replace(from, to).into_bytes();
            changed.files.insert("nachricht.xml".to_owned(), text);
            changed
        };
        let mut editions = package.clone();
        editions
            .settings
            .insert("edition".to_owned(), toml::Value::Array(Vec::new()));
        editions.settings.remove("version");
        vec![
            (
                "another version in the template",
                changed(" version=\"", " version=\"9"),
            ),
            ("a root without its namespace", changed("http://", "urn:")),
            ("neither version nor edition", editions),
        ]
    }
}

/// xdomea: no standard and version on the root, another header, an archive.
struct Xdomea;

impl Bench for Xdomea {
    fn format(&self) -> Box<dyn Format> {
        Box::new(crate::packages::bare("xdomea"))
    }

    fn packages(&self) -> Vec<Package> {
        crate::packages::of_format("xdomea")
    }

    fn faulty(&self) -> Vec<(&'static str, Package)> {
        let package = crate::packages::of_format("xdomea").remove(0);
        let set = |key: &str, value: &str| {
            let mut changed = package.clone();
            changed.settings.insert(key.to_owned(), value.into());
            changed
        };
        let sample = |from: &str, to: &str| {
            let mut changed = package.clone();
            let text = String::from_utf8(changed.files["nachricht.xml"].clone()).unwrap();
            assert!(text.contains(from), "{from}");
            let text = text.replace(from, to).into_bytes();
            changed.files.insert("nachricht.xml".to_owned(), text);
            changed
        };
        vec![
            ("a message the table does not have", set("message", "0501")),
            ("a version the table does not have", set("version", "4.0.0")),
            ("an unknown way to pack", set("pack", "tar")),
            ("a data file with a folder", set("data_file", "../a.json")),
            ("a file name without uuid", set("file_name", "abgabe.xml")),
            ("another version's namespace", sample("3.1.0\"", "3.0.0\"")),
            (
                "another message's code",
                sample("<code>0401<", "<code>0402<"),
            ),
            ("a header without namespace", sample("x:Kopf>", "Kopf>")),
            (
                "another list of messages",
                sample("listVersionID=\"2.0\"", "listVersionID=\"1.0\""),
            ),
        ]
    }
}

mod xdomea {
    amtsbote_adapter::format_laws!(super::Xdomea);
}

mod xpersonenstand {
    amtsbote_adapter::format_laws!(super::Other("xpersonenstand"));
}

mod xmeld {
    amtsbote_adapter::format_laws!(super::Other("xmeld"));
}

mod xauslaender {
    amtsbote_adapter::format_laws!(super::Other("xauslaender"));
}

mod xgewerbe {
    amtsbote_adapter::format_laws!(super::Other("xgewerbe"));
}
