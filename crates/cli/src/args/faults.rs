//! What is wrong with a command line, in German: the facts of clap's error in other words.

use clap::Error;
use clap::error::{ContextKind as About, ContextValue, ErrorKind as Kind};

/// The German text of an error; nothing for what is none (help, version) or has no facts to tell.
pub(super) fn german(error: &Error) -> Option<String> {
    let mut text = format!("Fehler: {}", what(error)?);
    for (about, noun) in [
        (About::SuggestedSubcommand, "den Befehl"),
        (About::SuggestedArg, "die Option"),
        (About::SuggestedValue, "den Wert"),
    ] {
        if let Some(near) = one(error, about) {
            text = format!("{text}\n\n  Hinweis: es gibt {noun} '{near}'");
        }
    }
    if let Some(usage) = error.get(About::Usage) {
        let usage = usage.to_string().replacen("Usage:", "Aufruf:", 1);
        text = format!("{text}\n\n{}", usage.trim_end());
    }
    Some(format!("{text}\n\nMehr dazu mit '--help'."))
}

fn what(error: &Error) -> Option<String> {
    let argument = one(error, About::InvalidArg);
    let value = one(error, About::InvalidValue);
    match error.kind() {
        Kind::UnknownArgument => Some(format!("das Argument '{}' gibt es nicht", argument?)),
        Kind::InvalidSubcommand => Some(format!(
            "den Befehl '{}' gibt es nicht",
            one(error, About::InvalidSubcommand)?
        )),
        Kind::MissingSubcommand => Some(format!(
            "zu '{}' fehlt ein Befehl{}",
            one(error, About::InvalidSubcommand)?,
            listed(error, About::ValidSubcommand)
        )),
        Kind::MissingRequiredArgument => Some(format!(
            "es fehlt, was nötig ist:{}",
            lines(&all(error, About::InvalidArg))
        )),
        Kind::InvalidValue | Kind::ValueValidation => Some(of_value(error, &argument?, &value?)),
        Kind::ArgumentConflict => {
            let argument = argument.or_else(|| one(error, About::InvalidSubcommand))?;
            Some(conflict(&argument, &all(error, About::PriorArg)))
        }
        Kind::NoEquals => Some(format!("nach '{}' fehlt ein '='", argument?)),
        Kind::TooManyValues => Some(format!("'{}' ist zu viel für '{}'", value?, argument?)),
        Kind::TooFewValues => Some(format!("zu wenige Werte für '{}'", argument?)),
        Kind::WrongNumberOfValues => Some(format!("falsche Zahl von Werten für '{}'", argument?)),
        Kind::InvalidUtf8 => Some("ein Argument ist kein gültiges UTF-8".to_owned()),
        Kind::DisplayHelp
        | Kind::DisplayHelpOnMissingArgumentOrSubcommand
        | Kind::DisplayVersion
        | Kind::Io
        | Kind::Format
        | _ => None,
    }
}

fn of_value(error: &Error, argument: &str, value: &str) -> String {
    let allowed = listed(error, About::ValidValue);
    if value.is_empty() {
        return format!("für '{argument}' fehlt der Wert{allowed}");
    }
    format!("'{value}' ist kein gültiger Wert für '{argument}'{allowed}")
}

fn conflict(argument: &str, others: &[String]) -> String {
    if others == [argument] {
        return format!("'{argument}' steht mehrmals da");
    }
    if others.is_empty() {
        return format!("'{argument}' passt nicht zu anderen Argumenten");
    }
    format!("'{argument}' geht nicht zusammen mit{}", lines(others))
}

fn one(error: &Error, about: About) -> Option<String> {
    all(error, about).into_iter().next()
}

fn all(error: &Error, about: About) -> Vec<String> {
    match error.get(about) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(several)) => several.clone(),
        Some(
            ContextValue::None
            | ContextValue::Bool(_)
            | ContextValue::StyledStr(_)
            | ContextValue::StyledStrs(_)
            | ContextValue::Number(_)
            | _,
        )
        | None => Vec::new(),
    }
}

fn lines(several: &[String]) -> String {
    let joined = several.join("\n  ");
    format!("\n  {joined}")
}

fn listed(error: &Error, about: About) -> String {
    let several = all(error, about);
    if several.is_empty() {
        return String::new();
    }
    format!("\n  erlaubt: {}", several.join(", "))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::{Cli, german as pages};

    fn check(line: &[&str], wanted: &[&str]) {
        let command = pages::told(Cli::command());
        let words = ["amtsbote"].iter().chain(line);
        let error = command.try_get_matches_from(words).unwrap_err();
        let text = german(&error).unwrap_or_else(|| panic!("no text for {error}"));
        for wanted in wanted {
            assert!(text.contains(wanted), "{wanted} is missing in\n{text}");
        }
        for english in [
            "error:",
            "Usage:",
            "tip:",
            "possible values",
            "For more",
            "provided",
        ] {
            assert!(!text.contains(english), "{english} in\n{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_command_line_is_told_in_german() {
        check(
            &["submitt", "x"],
            &[
                "den Befehl 'submitt' gibt es nicht",
                "es gibt den Befehl 'submit'",
                "Aufruf: amtsbote",
            ],
        );
        check(
            &["submit", "--dryrun", "x"],
            &[
                "das Argument '--dryrun' gibt es nicht",
                "es gibt die Option '--dry-run'",
            ],
        );
        check(
            &["submit", "x", "--unbekannt"],
            &["das Argument '--unbekannt' gibt es nicht"],
        );
        check(&["package", "check"], &["es fehlt, was nötig ist:", "<"]);
        check(
            &["--lang", "fr", "demo"],
            &[
                "'fr' ist kein gültiger Wert für '--lang <LANG>'",
                "erlaubt: de, en",
            ],
        );
        check(
            &["sandbox", "--port", "viele"],
            &["'viele' ist kein gültiger Wert für '--port <PORT>'"],
        );
        check(
            &["sandbox", "--port"],
            &["für '--port <PORT>' fehlt der Wert"],
        );
        check(
            &["sandbox", "--port", "1", "--port", "2"],
            &["'--port <PORT>' steht mehrmals da"],
        );
    }

    #[test]
    fn help_and_version_are_no_faults() {
        for line in [["amtsbote", "--help"], ["amtsbote", "--version"]] {
            let error = pages::told(Cli::command()).try_get_matches_from(line);
            assert_eq!(german(&error.unwrap_err()), None);
        }
    }
}
