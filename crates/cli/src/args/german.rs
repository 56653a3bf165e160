//! Help in German. The table (`german.txt`) has each English text with its German one in the line below it.

use std::collections::HashMap;
use std::ffi::OsStr;

use clap::builder::PossibleValue;
use clap::{Arg, ArgAction, Command};

const TABLE: &str = include_str!("german.txt");
const TEMPLATE: &str = "{about-with-newline}\nAufruf: {usage}\n\n{all-args}";

/// Commands that speak German unless told otherwise.
const GERMAN: [&str; 2] = ["validate", "receipt"];

/// Whether a command line asks for German: by `--lang de`, or, without `--lang`, by the environment, or, without that, by its command.
pub(super) fn is_asked<'a>(
    line: impl Iterator<Item = &'a OsStr>,
    environment: Option<&str>,
) -> bool {
    let mut words = line.map(|word| word.to_str().unwrap_or_default()).skip(1);
    let mut command = None;
    while let Some(word) = words.next() {
        if word == "--lang" {
            return words.next() == Some("de");
        }
        if let Some(language) = word.strip_prefix("--lang=") {
            return language == "de";
        }
        if word == "--log" {
            words.next();
        } else if !word.starts_with('-') && command.is_none() {
            command = Some(word);
        }
    }
    match environment {
        Some(language) => language == "de",
        None => command.is_some_and(|command| GERMAN.contains(&command)),
    }
}

/// The command and all below it, with German help.
pub(super) fn told(command: Command) -> Command {
    let texts: HashMap<&str, &str> = pairs().collect();
    translated(command, &texts)
}

fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut lines = TABLE.lines();
    std::iter::from_fn(move || Some((lines.next()?, lines.next()?.trim_start())))
}

fn translated(command: Command, texts: &HashMap<&str, &str>) -> Command {
    let about = command
        .get_about()
        .map(|about| german(&about.to_string(), texts));
    let command = command
        .help_template(TEMPLATE)
        .subcommand_help_heading("Befehle")
        .subcommand_value_name("BEFEHL")
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(|arg| argument(arg, texts))
        .mut_subcommands(|below| translated(below, texts))
        .arg(flag("help", 'h', ArgAction::Help, "Diese Hilfe zeigen"))
        .arg(flag(
            "version",
            'V',
            ArgAction::Version,
            "Die Version zeigen",
        ));
    match about {
        Some(about) => command.about(about),
        None => command,
    }
}

fn flag(name: &'static str, short: char, action: ArgAction, help: &'static str) -> Arg {
    Arg::new(name)
        .short(short)
        .long(name)
        .action(action)
        .help(help)
        .help_heading("Optionen")
}

// What clap would say of values itself, it would say in English.
fn argument(arg: Arg, texts: &HashMap<&str, &str>) -> Arg {
    let mut help = arg
        .get_help()
        .map_or_else(String::new, |help| german(&help.to_string(), texts));
    let takes_value = arg.get_action().takes_values();
    if takes_value {
        let values = arg.get_possible_values();
        let values = values.iter().map(|value| described(value, texts));
        help.extend(values);
        let defaults = arg.get_default_values().iter();
        let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
        if !defaults.is_empty() {
            help = format!("{help} [Vorgabe: {}]", defaults.join(" "));
        }
    }
    if let Some(name) = arg.get_env() {
        help = format!("{help} [Umgebung: {}]", name.to_string_lossy());
    }
    let heading = if arg.is_positional() {
        "Argumente"
    } else {
        "Optionen"
    };
    arg.help(help)
        .help_heading(heading)
        .hide_possible_values(takes_value)
        .hide_default_value(takes_value)
        .hide_env(true)
}

fn described(value: &PossibleValue, texts: &HashMap<&str, &str>) -> String {
    let help = value
        .get_help()
        .map(|help| german(&help.to_string(), texts));
    format!("\n- {}: {}", value.get_name(), help.unwrap_or_default())
}

fn german(english: &str, texts: &HashMap<&str, &str>) -> String {
    texts.get(english).copied().unwrap_or(english).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Cli;

    fn texts_of(command: &Command, texts: &mut BTreeSet<String>) {
        texts.extend(command.get_about().map(ToString::to_string));
        for arg in command.get_arguments() {
            texts.extend(arg.get_help().map(ToString::to_string));
            let values = arg.get_possible_values();
            let helps = values.iter().filter_map(PossibleValue::get_help);
            texts.extend(helps.map(ToString::to_string));
        }
        for below in command.get_subcommands() {
            texts_of(below, texts);
        }
    }

    #[test]
    fn each_text_of_the_help_has_its_german_one_and_no_other_has() {
        let mut english = BTreeSet::new();
        texts_of(&Cli::command(), &mut english);
        let known: BTreeSet<String> = pairs().map(|(english, _)| english.to_owned()).collect();
        let missing: Vec<_> = english.difference(&known).collect();
        assert!(missing.is_empty(), "add to german.txt: {missing:#?}");
        let surplus: Vec<_> = known.difference(&english).collect();
        assert!(surplus.is_empty(), "remove from german.txt: {surplus:#?}");
        assert_eq!(TABLE.lines().count(), 2 * known.len(), "a text comes twice");
    }

    #[test]
    fn german_help_holds_no_english_words_of_clap() {
        fn check(command: &mut Command) {
            let help = command.render_long_help().to_string();
            for word in [
                "Usage:",
                "Options:",
                "Commands:",
                "Print ",
                "default:",
                "env:",
                "values:",
            ] {
                assert!(!help.contains(word), "{word} in\n{help}");
            }
            assert!(help.contains("Aufruf:"), "{help}");
            let names: Vec<String> = command
                .get_subcommands()
                .map(|one| one.get_name().to_owned())
                .collect();
            for name in names {
                check(command.find_subcommand_mut(&name).unwrap());
            }
        }
        let mut command = told(Cli::command());
        command.build();
        check(&mut command);
    }

    #[test]
    fn german_is_asked_for_by_the_line_or_else_by_the_environment() {
        let asked = |line: &[&str], environment| is_asked(line.iter().map(OsStr::new), environment);
        assert!(asked(&["amtsbote", "--lang", "de", "--help"], None));
        assert!(asked(
            &["amtsbote", "keys", "--help", "--lang=de"],
            Some("en")
        ));
        assert!(!asked(&["amtsbote", "--lang", "en", "--help"], Some("de")));
        assert!(asked(&["amtsbote", "--help"], Some("de")));
        assert!(!asked(&["amtsbote", "--help"], None));
        assert!(asked(
            &["amtsbote", "--log", "info", "validate", "--halp"],
            None
        ));
        assert!(!asked(&["amtsbote", "validate", "--halp"], Some("en")));
        assert!(!asked(&["amtsbote", "submit", "validate"], None));
    }
}
