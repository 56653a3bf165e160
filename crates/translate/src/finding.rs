//! What a submission lacks for a template. Never carries a value.

use amtsbote_problem as problem;
use problem::{Bilingual, Whose};

/// Which rule a value broke. The names are stable, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The template needs a value and there is none (absent, `null` or empty text).
    Missing,
    /// The application tells of an attachment, and none of that name came along.
    Unattached,
    /// The code map does not know the code.
    UnmappedCode,
    /// A conversion does not take the value (a date that is none, a number with too many decimals …).
    Unconvertible,
    /// Several values where one is needed.
    Several,
    /// A list or object where one value is needed.
    NotOneValue,
    /// A character that no XML 1.0 document can hold (XML 1.0 §2.2).
    InvalidCharacter,
    /// The expression ended with an error on this submission.
    ExpressionFailed,
    /// The expression needed more steps than it may take.
    ExpressionTooLong,
    /// The text is longer than its column.
    TooWide,
}

impl Rule {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "translate-missing",
            Self::Unattached => "translate-unattached",
            Self::UnmappedCode => "translate-unmapped-code",
            Self::Unconvertible => "translate-unconvertible",
            Self::Several => "translate-several-values",
            Self::NotOneValue => "translate-not-one-value",
            Self::InvalidCharacter => "translate-invalid-character",
            Self::ExpressionFailed => "translate-expression-failed",
            Self::ExpressionTooLong => "translate-expression-too-long",
            Self::TooWide => "translate-too-wide",
        }
    }

    /// Whose it is to mend if the application is valid for its schema. What another value mends is the sender's; what only
    /// another template or code map mends is the receiver's.
    pub const fn whose(self) -> Whose {
        match self {
            Self::Missing
            | Self::Unattached
            | Self::Unconvertible
            | Self::InvalidCharacter
            | Self::TooWide => Whose::Sender,
            Self::UnmappedCode
            | Self::Several
            | Self::NotOneValue
            | Self::ExpressionFailed
            | Self::ExpressionTooLong => Whose::Receiver,
        }
    }

    fn texts(self) -> Bilingual {
        let (de, en) = match self {
            Self::Missing => (
                "die Angabe fehlt, und das Verfahren braucht sie; darf sie fehlen, in der Vorlage mit missing sagen, was dann geschieht",
                "the value is absent, and the procedure needs it; if it may be, say in the template with missing what happens then",
            ),
            Self::Unattached => (
                "zu dieser Angabe kam keine Anlage: die Datei unter dem Namen mitsenden, den der Antrag hier nennt",
                "no attachment came with this entry: send the file along under the name the application gives here",
            ),
            Self::UnmappedCode => (
                "der Code steht nicht in seiner Codeabbildung; dort ergänzen",
                "its code map does not know this code; add it there",
            ),
            Self::Unconvertible => (
                "der Wert lässt sich nicht umwandeln",
                "the value cannot be converted",
            ),
            Self::Several => (
                "mehrere Werte, erlaubt ist einer; mit [0], first oder join einen daraus machen",
                "several values where one is allowed; make one of them with [0], first or join",
            ),
            Self::NotOneValue => (
                "eine Liste oder Struktur statt eines Werts; das Feld darin nennen",
                "a list or object instead of one value; name the field in it",
            ),
            Self::InvalidCharacter => (
                "ein Zeichen, das in XML nicht stehen darf",
                "a character XML cannot hold",
            ),
            Self::ExpressionFailed => (
                "der Ausdruck der Vorlage passt nicht zu diesem Wert; fehlt er manchmal, hilft ? dahinter, wie in .liste[]?.feld",
                "the template's expression does not fit this value; if it is sometimes absent, put ? behind it, as in .list[]?.field",
            ),
            Self::ExpressionTooLong => (
                "der Ausdruck der Vorlage braucht zu viele Schritte",
                "the template's expression takes too many steps",
            ),
            Self::TooWide => (
                "der Text ist breiter als seine Spalte",
                "the text is wider than its column",
            ),
        };
        Bilingual::new(de, en)
    }
}

/// In front of what stands in the destination's settings.
const RECEIVER: &str = "$receiver";

/// In front of what is known of attachments.
const ATTACHMENTS: &str = "$attachments/";

/// One thing a submission lacks for a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where in the input: a JSON pointer, or `$source/…`. The closest known place when the value itself is absent.
    pub at: String,
    /// Which rule.
    pub rule: Rule,
    /// Where in the output it would have gone, for example `/antrag/name`.
    pub output: String,
    /// Line of the template, where the template knows lines.
    pub template_line: Option<u32>,
    /// What was expected, from the template (a conversion, the name of a code map); empty if nothing to say.
    pub expected: String,
}

impl Finding {
    /// Whose it is to mend: as the rule says, and the receiver's where the destination's settings lack or misname something.
    pub fn whose(&self) -> Whose {
        if self.at.starts_with(RECEIVER) || self.is_of_place() {
            Whose::Receiver
        } else {
            self.rule.whose()
        }
    }

    /// Where an attachment lies is the package's to say; its name and description are the sender's.
    fn is_of_place(&self) -> bool {
        let member = self.at.rsplit('/').next();
        self.at.starts_with(ATTACHMENTS) && matches!(member, Some("path" | "file"))
    }

    /// What the destination lacks is no fault of the application: it stands elsewhere.
    fn texts(&self) -> Bilingual {
        if self.rule == Rule::Missing && self.at.starts_with(RECEIVER) {
            return Bilingual::new(
                "der Wert fehlt beim Ziel: in den Einstellungen unter [agent.destination.receiver] nennen, für das Beispiel in examples/…/receiver.json",
                "the destination lacks the value: name it in the settings below [agent.destination.receiver], for the example in examples/…/receiver.json",
            );
        }
        if self.rule == Rule::Missing && self.is_of_place() {
            return Bilingual::new(
                "die Anlage liegt in keiner Datei: in package.toml attachments auf einen Ordner oder \".\" setzen, oder hier .filename nehmen, den Namen, den der Antrag nennt",
                "the attachment lies in no file: set attachments in package.toml to a folder or \".\", or take .filename here, the name the application gives",
            );
        }
        self.rule.texts()
    }
}

impl From<&Finding> for problem::Finding {
    fn from(finding: &Finding) -> Self {
        let place = |word: &str| {
            finding.template_line.map_or_else(
                || finding.output.clone(),
                |line| format!("{}, {word} {line}", finding.output),
            )
        };
        let expected = if finding.expected.is_empty() {
            String::new()
        } else if finding.rule == Rule::UnmappedCode {
            format!(" (codes/{}.toml)", finding.expected)
        } else {
            format!(" ({})", finding.expected)
        };
        let texts = finding.texts();
        let made = Self::new(
            finding.at.clone(),
            finding.rule.name(),
            Bilingual::new(
                format!("{}{expected}: {}", texts.de, place("Zeile der Vorlage")),
                format!("{}{expected}: {}", texts.en, place("template line")),
            ),
        );
        match finding.whose() {
            Whose::Sender => made,
            Whose::Receiver => made.of_receiver(),
        }
    }
}
