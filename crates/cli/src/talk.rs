//! What people read: stdout is data, stderr is talk; German or English.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use amtsbote_problem::{Bilingual, Finding, Language};
use serde_json::Value;

/// The language of texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tongue {
    /// German.
    De,
    /// English.
    En,
}

/// Nobody reads stdout any more.
#[derive(Debug)]
struct Closed;

impl Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody reads the output any more")
    }
}

impl std::error::Error for Closed {}

/// Whether the program ends because nobody reads its output any more (`… | head`); a peer's broken connection is something else.
pub(crate) fn is_closed(error: &anyhow::Error) -> bool {
    let is_ours = |cause: &(dyn std::error::Error + 'static)| {
        let io = cause.downcast_ref::<io::Error>();
        let inner = io.and_then(io::Error::get_ref);
        inner.is_some_and(<dyn std::error::Error + Send + Sync>::is::<Closed>)
    };
    error.chain().any(is_ours)
}

/// Speaks to the user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    tongue: Tongue,
    form: Form,
}

/// How results are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Text for people.
    Text,
    /// JSON for scripts.
    Json,
}

#[expect(
    clippy::unused_self,
    reason = "whatever the user reads goes through a Talk"
)]
impl Talk {
    pub(crate) const fn new(tongue: Tongue, form: Form) -> Self {
        Self { tongue, form }
    }

    /// The German or the English text.
    pub(crate) const fn pick<'t>(self, de: &'t str, en: &'t str) -> &'t str {
        match self.tongue {
            Tongue::De => de,
            Tongue::En => en,
        }
    }

    /// The user's language, as findings call it.
    pub(crate) const fn language(self) -> Language {
        match self.tongue {
            Tongue::De => Language::German,
            Tongue::En => Language::English,
        }
    }

    /// The text in the user's language.
    pub(crate) fn text(self, text: &Bilingual) -> &str {
        self.pick(&text.de, &text.en)
    }

    /// What the parser of a TOML file says, in the user's language.
    pub(crate) fn toml(self, told: &str) -> String {
        match self.tongue {
            Tongue::De => amtsbote_problem::toml::german(told),
            Tongue::En => told.trim_end().to_owned(),
        }
    }

    /// An error in the user's language.
    pub(crate) fn error(self, de: impl Display, en: impl Display) -> anyhow::Error {
        match self.tongue {
            Tongue::De => anyhow::anyhow!("{de}"),
            Tongue::En => anyhow::anyhow!("{en}"),
        }
    }

    pub(crate) const fn form(self) -> Form {
        self.form
    }

    /// A line of progress or advice, on stderr. A closed stderr is no reason to stop.
    pub(crate) fn say(self, line: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// A line that will be overwritten by the next, on a terminal only.
    pub(crate) fn progress(self, line: &str) {
        let mut stderr = io::stderr().lock();
        if stderr.is_terminal() {
            let _ = write!(stderr, "\r\x1b[2K{line}");
            let _ = stderr.flush();
        }
    }

    /// Clears the progress line.
    pub(crate) fn progress_done(self) {
        self.progress("");
    }

    /// A line of data, on stdout. If nobody reads it any more, the error says so ([`is_closed`]) and ends the program without a word.
    pub(crate) fn data(self, line: impl Display) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        written.map_err(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                io::Error::new(io::ErrorKind::BrokenPipe, Closed)
            } else {
                error
            }
        })
    }

    /// A line of data by a program that goes on working whoever reads it.
    pub(crate) fn announce(self, line: impl Display) -> io::Result<()> {
        match self.data(line) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }

    /// Data as JSON, on stdout.
    pub(crate) fn json(self, value: &Value) -> io::Result<()> {
        self.data(format_args!("{value:#}"))
    }

    /// Findings, one block each: label and place, what is wrong, what to do.
    pub(crate) fn findings(self, findings: &[Finding]) {
        for finding in findings {
            let label = finding
                .label
                .as_ref()
                .map(|label| format!("{} ", self.text(label)))
                .unwrap_or_default();
            let at = if finding.at.is_empty() {
                "/"
            } else {
                &finding.at
            };
            self.say(format_args!(
                "  ✗ {label}({at}): {} [{}]",
                self.text(&finding.detail),
                finding.rule
            ));
            if let Some(hint) = &finding.hint {
                self.say(format_args!("    → {}", self.text(hint)));
            }
            if !finding.allowed.is_empty() {
                let word = self.pick("erlaubt", "allowed");
                self.say(format_args!("    → {word}: {}", finding.allowed.join(", ")));
            }
        }
    }
}
