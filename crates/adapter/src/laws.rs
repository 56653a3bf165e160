//! Laws: what every transport and every format keeps, as tests anyone can run against a new one.
//!
//! ```text
//! // tests/laws.rs of a transport
//! amtsbote_adapter::outbound_laws!(Bench::default());
//! // tests/laws.rs of a format
//! amtsbote_adapter::format_laws!(Bench);
//! ```
//!
//! The laws panic on a breach: this module is for tests only.

pub mod edge;
pub mod explained;
pub mod format;
pub mod generate;
pub mod inbound;
pub mod names;
pub mod outbound;
pub mod repeats;
pub mod sources;

use amtsbote_problem::Bilingual;

use crate::Fault;

/// What is wrong is written German and English: neither is missing, and neither stands in the other's place.
///
/// # Panics
/// If it is not.
pub fn is_told_in_two_languages(fault: &Fault) {
    let texts: Vec<&Bilingual> = match fault {
        Fault::Unavailable { reason: text, .. } | Fault::Misconfigured { what: text } => vec![text],
        Fault::Rejected { findings } => findings.iter().map(|finding| &finding.detail).collect(),
    };
    for Bilingual { de, en } in texts {
        assert!(!de.is_empty() && !en.is_empty(), "{fault:?}");
        assert_ne!(de, en, "{fault:?}");
        let has = |text: &str, word: &&str| {
            format!(" {} ", own_words(text)).contains(&format!(" {word} "))
        };
        let english = ["the", "could not", "cannot", "is not", "correct"];
        assert!(!english.iter().any(|word| has(de, word)), "{fault:?}");
        let german = ["der", "die", "das", "nicht", "ist", "berichtigen"];
        assert!(!german.iter().any(|word| has(en, word)), "{fault:?}");
    }
}

/// What is wrong with a setting's value, as its type says it, has German words too.
///
/// # Panics
/// If it has none.
pub fn value_is_told_in_german(told: &str) {
    assert_ne!(amtsbote_problem::toml::german(told), told);
}

/// Without what stands in brackets: there the other side is quoted, in its own language.
fn own_words(text: &str) -> String {
    let mut depth = 0_usize;
    let mut own = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => own.push(c),
            _ => {}
        }
    }
    own
}

/// Runs `law` to its end on a small runtime with timers.
///
/// # Panics
/// If the runtime can't be built.
pub fn run<F: Future<Output = ()>>(law: F) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a current-thread runtime needs nothing special")
        .block_on(law);
}

/// The laws of [`crate::Outbound`]; the argument makes a fresh [`outbound::Bench`].
#[macro_export]
macro_rules! outbound_laws {
    ($bench:expr) => {
        $crate::outbound_laws!(@each $bench,
            an_accepted_parcel_gives_a_receipt,
            a_repeated_parcel_is_kept_once,
            a_repeated_parcel_is_kept_once_after_the_procedure_took_it,
            the_same_parcel_twice_at_once_is_kept_once,
            different_parcels_at_once_all_arrive,
            attachments_arrive_identical,
            an_archive_arrives_whole,
            a_large_attachment_passes_in_bounded_memory,
            a_source_that_fails_midway_leaves_nothing,
            dropping_the_call_midway_leaves_nothing_half_visible,
            silence_ends_within_the_limit,
            a_refusal_is_final,
            a_cut_connection_is_unavailable,
            a_busy_receiver_says_when,
            a_wrong_place_or_missing_right_is_misconfigured,
            a_probe_has_no_effect,
            nothing_printed_tells_content,
        );
        $crate::outbound_laws!(@repeats $bench,
            a_delivery_that_is_cut_off_at_any_await_is_finished_by_another,
            a_delivery_whose_last_note_is_lost_has_one_effect,
        );
    };
    (@repeats $bench:expr, $($law:ident),+ $(,)?) => {
        $(
            #[test]
            fn $law() {
                $crate::laws::run($crate::laws::repeats::$law(&$bench));
            }
        )+
    };
    (@each $bench:expr, $($law:ident),+ $(,)?) => {
        $(
            #[test]
            fn $law() {
                $crate::laws::run($crate::laws::outbound::$law(&$bench));
            }
        )+
    };
}

/// The laws of [`crate::Inbound`]; the argument makes a fresh [`inbound::Bench`].
#[macro_export]
macro_rules! inbound_laws {
    ($bench:expr) => {
        $crate::inbound_laws!(@each $bench,
            nothing_there_gives_nothing,
            an_answer_is_given_until_it_is_settled,
            a_kept_answer_is_gone,
            a_refused_answer_is_set_aside,
            answers_come_oldest_first_and_no_more_than_asked,
            settling_what_is_not_there_changes_nothing,
            a_probe_takes_nothing,
            nothing_printed_tells_content,
        );
        #[test]
        fn settling_that_is_cut_off_at_any_await_is_finished_by_another() {
            $crate::laws::run(
                $crate::laws::repeats::settling_that_is_cut_off_at_any_await_is_finished_by_another(&$bench),
            );
        }
    };
    (@each $bench:expr, $($law:ident),+ $(,)?) => {
        $(
            #[test]
            fn $law() {
                $crate::laws::run($crate::laws::inbound::$law(&$bench));
            }
        )+
    };
}

/// The laws of [`crate::Format`]; the argument is a [`format::Bench`].
#[macro_export]
macro_rules! format_laws {
    ($bench:expr) => {
        $crate::format_laws!(@each $bench,
            the_examples_pass,
            the_same_input_gives_the_same_bytes,
            every_value_is_explained,
            every_input_is_used_or_listed_as_lost,
            whatever_is_left_out_the_rest_stays_explained,
            findings_never_carry_values,
            odd_texts_are_found_or_written_to_the_letter,
            a_faulty_package_is_refused_when_opened,
            a_package_for_another_format_is_refused,
        );
        #[test]
        fn documents_call_files_as_they_lie() {
            $crate::laws::names::documents_call_files_as_they_lie(&$bench);
        }
    };
    (@each $bench:expr, $($law:ident),+ $(,)?) => {
        $(
            #[test]
            fn $law() {
                $crate::laws::format::$law(&$bench);
            }
        )+
    };
}
