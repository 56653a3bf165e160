//! `boolean`, `boolean:ja/nein`.

/// The two words of the output.
#[derive(Debug, Clone)]
pub(super) struct Words {
    yes: String,
    no: String,
}

impl Words {
    pub(super) fn parse(argument: Option<&str>) -> Option<Self> {
        let (yes, no) = argument.unwrap_or("true/false").split_once('/')?;
        (yes != no && !no.contains('/')).then(|| Self {
            yes: yes.to_owned(),
            no: no.to_owned(),
        })
    }

    /// Takes JSON booleans, the words of `xs:boolean` (XML Schema Part 2 §3.2.2), and what forms say.
    pub(super) fn apply(&self, text: &str) -> Option<String> {
        match text.trim().to_lowercase().as_str() {
            "true" | "1" | "ja" | "j" | "yes" => Some(self.yes.clone()),
            "false" | "0" | "nein" | "n" | "no" => Some(self.no.clone()),
            _ => None,
        }
    }
}
