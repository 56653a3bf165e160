//! What every implementation of the traits must do, as functions, and macros that make a test of each.
//!
//! ```text
//!  ledger_laws!(Bench)            Ledger + Directory + Outbox
//!  durable_ledger_laws!(Bench)    … and all of it survives a reopening
//!  blob_laws!(Bench)              durable_blob_laws!(Bench)
//!  delivery_laws!(Bench)          durable_delivery_laws!(Bench)
//!  lease_laws!(Bench)
//!  chain_laws!(Bench)            Ledger + Chain
//!  relay_laws!(Bench)             durable_relay_laws!(Bench)
//! ```
//!
//! The expression makes a fresh [`Bench`] (or [`DurableBench`]) for each law. The caller needs `tokio` with its macros.
#![expect(
    clippy::missing_panics_doc,
    reason = "a law is a test: it panics when it is broken"
)]

pub mod blobs;
pub mod chain;
pub mod claims;
pub mod deliveries;
pub mod desk;
pub mod durable;
pub mod leases;
pub mod ledger;
pub mod lists;
pub mod many;
pub mod refusals;
pub mod relays;
pub mod replies;
pub mod samples;
pub mod upkeep;
pub mod ways_back;

/// Holds what is put to the test, and what it needs to live (a temporary folder).
pub trait Bench {
    /// What is put to the test.
    type Subject;

    /// What is put to the test.
    fn subject(&self) -> &Self::Subject;
}

/// A bench whose subject outlives its process.
pub trait DurableBench: Bench {
    /// Closes the subject and opens it again.
    #[must_use]
    fn reopen(self) -> Self;
}

/// A bench for a subject that needs nothing.
#[derive(Debug)]
pub struct Plain<T>(pub T);

impl<T> Bench for Plain<T> {
    type Subject = T;

    fn subject(&self) -> &T {
        &self.0
    }
}

/// One test per law: each gets the subject of a fresh bench.
#[doc(hidden)]
#[macro_export]
macro_rules! laws_of_subject {
    ($bench:expr; $($module:ident: $($law:ident),+;)+) => {$($(
        #[tokio::test]
        async fn $law() {
            let bench = $bench;
            $crate::laws::$module::$law($crate::laws::Bench::subject(&bench)).await;
        }
    )+)+};
}

/// One test per law: each gets a fresh bench, to reopen it.
#[doc(hidden)]
#[macro_export]
macro_rules! laws_of_bench {
    ($bench:expr; $($law:ident),+) => {$(
        #[tokio::test]
        async fn $law() {
            $crate::laws::durable::$law($bench).await;
        }
    )+};
}

/// Tests of a [`Store`](crate::Store).
#[macro_export]
macro_rules! ledger_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            ledger:
                a_submission_is_read_back_whole,
                a_batch_is_applied_in_order,
                an_empty_batch_is_done,
                of_racing_moves_exactly_one_is_done,
                a_move_to_the_same_state_changes_nothing,
                an_attachment_that_comes_again_replaces_the_first,
                content_is_gone_after_erase,
                a_remembered_answer_is_found_under_client_and_key,
                a_destination_changes_version_by_version,
                of_racing_destination_versions_exactly_one_is_done,
                a_dropped_destination_takes_its_keys_along,
                keys_are_listed_newest_first,
                a_key_put_twice_is_one_key,
                the_outbox_gives_what_is_due_oldest_first,
                a_postponed_notice_is_due_later,
                a_dequeued_notice_never_comes_again;
            refusals:
                every_conflict_refuses_the_whole_batch,
                a_refused_batch_takes_back_changes_of_every_kind;
            lists:
                pickup_lists_submitted_ones_oldest_first,
                pickup_of_several_destinations_counts_each_submission_once,
                pages_cut_the_list_and_keep_the_total,
                stale_ones_have_been_in_their_state_since_before,
                a_case_lists_all_its_submissions,
                events_come_in_the_order_of_writing,
                destinations_are_listed_oldest_first,
                only_active_destinations_offer_a_service;
            replies:
                a_reply_is_read_back_whole,
                a_reply_is_filled_moved_and_erased_like_a_submission,
                replies_wait_for_their_receiver_oldest_first,
                stale_replies_have_been_in_their_state_since_before,
                a_case_lists_all_its_replies,
                events_of_replies_stand_in_the_log_of_their_case,
                a_notice_remembers_what_it_tells_of,
                a_case_is_read_back_whole,
                cases_are_listed_once_oldest_first;
            upkeep:
                reminders_are_counted_while_a_submission_waits,
                of_racing_reminders_exactly_one_posts_its_mail,
                mails_are_due_oldest_first_until_they_are_dropped,
                quiet_cases_have_nothing_left_and_no_late_event,
                a_case_in_use_is_not_dropped,
                a_case_with_a_waiting_reply_is_not_quiet,
                a_dropped_case_takes_its_submissions_log_and_callbacks_along,
                old_answers_are_forgotten_oldest_first,
                the_last_round_is_known;
        }
    };
}

/// Tests of a [`Store`](crate::Store) that survives its process.
#[macro_export]
macro_rules! durable_ledger_laws {
    ($bench:expr) => {
        $crate::laws_of_bench! { $bench; everything_committed_is_there_after_reopening, a_refused_batch_stays_refused_after_reopening }
    };
}

/// Tests of [`Blobs`](crate::Blobs).
#[macro_export]
macro_rules! blob_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            blobs:
                a_blob_is_read_back_identical,
                a_blob_is_invisible_until_it_is_kept,
                a_dropped_writer_leaves_nothing,
                an_unknown_blob_is_none,
                deleting_is_idempotent,
                a_reader_sees_its_blob_to_the_end,
                writers_side_by_side_do_not_mix;
        }
    };
}

/// Tests of [`Blobs`](crate::Blobs) that survive their process.
#[macro_export]
macro_rules! durable_blob_laws {
    ($bench:expr) => {
        $crate::laws_of_bench! { $bench; kept_blobs_are_there_after_reopening }
    };
}

/// Tests of [`Deliveries`](crate::Deliveries).
#[macro_export]
macro_rules! delivery_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            deliveries:
                a_new_delivery_is_due_at_once,
                noting_again_changes_nothing,
                a_renewed_lease_ends_later,
                the_tally_counts_by_destination_state_and_cause,
                a_swap_needs_the_revision_it_read,
                of_racing_swaps_exactly_one_is_done,
                what_is_postponed_is_found_by_destination,
                every_state_is_read_back_and_found_by_name;
            claims:
                of_one_destination_the_longest_due_comes_first,
                destinations_take_turns,
                what_is_claimed_is_held_by_one,
                a_destination_has_no_more_hand_overs_than_its_limit,
                racing_claims_share_what_is_there,
                in_strict_order_the_first_holds_up_the_rest,
                what_is_noted_later_has_a_later_place,
                a_destination_begins_no_more_within_a_minute_than_its_rate,
                racing_claims_keep_rate_and_order,
                what_a_worker_died_with_is_claimed_apart;
        }
    };
}

/// Tests of [`WaysBack`](crate::WaysBack).
#[macro_export]
macro_rules! way_back_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            ways_back:
                a_way_is_found_by_each_of_its_names,
                open_ways_are_listed_page_by_page_until_they_are_closed,
                an_answer_is_kept_once,
                answers_are_due_until_they_are_final,
                an_answer_moves_only_from_the_revision_it_was_read_at;
        }
    };
}

/// Tests of [`Desk`](crate::Desk).
#[macro_export]
macro_rules! desk_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            desk:
                what_is_not_done_is_open,
                a_change_by_hand_is_noted_with_it,
                a_change_by_hand_needs_the_revision_it_read,
                a_reply_is_parked_by_hand_and_released;
        }
    };
}

/// Tests of [`Deliveries`](crate::Deliveries) that survive their process.
#[macro_export]
macro_rules! durable_delivery_laws {
    ($bench:expr) => {
        $crate::laws_of_bench! { $bench; deliveries_are_there_after_reopening }
    };
}

/// Tests of [`Leases`](crate::Leases).
#[macro_export]
macro_rules! lease_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            leases:
                a_lease_is_held_by_one_owner,
                a_lease_that_ended_is_free,
                a_lease_is_prolonged_by_its_owner,
                a_lease_that_was_left_is_free,
                of_racing_owners_exactly_one_holds_the_lease;
        }
    };
}

/// Tests of [`Chain`](crate::Chain).
#[macro_export]
macro_rules! chain_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            chain:
                events_are_sealed_in_the_order_of_writing,
                a_block_that_does_not_follow_is_refused,
                a_sealed_event_is_proven,
                a_leaf_outlives_its_event;
        }
    };
}

/// Tests of [`Relays`](crate::Relays).
#[macro_export]
macro_rules! relay_laws {
    ($bench:expr) => {
        $crate::laws_of_subject! { $bench;
            relays:
                a_new_relay_is_due_at_once,
                beginning_again_changes_nothing,
                the_longest_due_relay_comes_first,
                a_relay_swap_needs_the_revision_it_read,
                of_racing_relay_swaps_exactly_one_is_done,
                every_state_of_a_relay_is_read_back;
        }
    };
}

/// Tests of [`Relays`](crate::Relays) that survive their process.
#[macro_export]
macro_rules! durable_relay_laws {
    ($bench:expr) => {
        #[tokio::test]
        async fn relays_are_there_after_reopening() {
            $crate::laws::relays::relays_are_there_after_reopening($bench).await;
        }
    };
}
