use super::*;
use crate::{Timestamp, WorkerId};
use std::fmt::Write as _;
use std::time::Duration;
use uuid::Uuid;

const POLICY: RetryPolicy = RetryPolicy {
    first: Duration::from_secs(1),
    longest: Duration::from_mins(5),
    tries_max: 3,
};

fn around(now_s: i64) -> Circumstances {
    Circumstances {
        policy: POLICY,
        jitter: Jitter::WHOLE,
        now: Timestamp::from_seconds(now_s),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn lease(number: u128, until_s: i64) -> Lease {
    Lease {
        by: WorkerId::from_uuid(Uuid::from_u128(number)),
        until: at(until_s),
    }
}

fn failed(cause: Cause) -> Event {
    Event::Failed(Failure {
        cause,
        retry_after: None,
    })
}

fn claimed(until_s: i64) -> Event {
    let lease = lease(1, until_s);
    Event::Claimed { lease }
}

fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        event: "set".into(),
    }
}

fn past(tries: u32) -> Past {
    Past {
        tries,
        package: Some("hund@1.0.0".into()),
        ..Past::default()
    }
}

fn decided(held: Option<Lease>) -> Delivery {
    Delivery::Decided {
        at: at(0),
        held,
        decision: decision(Verdict::Accept),
        past: past(1),
    }
}

fn done(verdict: Verdict) -> Delivery {
    Delivery::Done {
        verdict,
        at: at(0),
        package: Some("hund@1.0.0".into()),
    }
}

/// Each state, with a word where a state has several faces.
fn states() -> Vec<(&'static str, Delivery)> {
    let leased = |until_s| Delivery::Leased {
        until: at(until_s),
        by: Some(lease(1, 0).by),
        past: past(1),
    };
    let parked = |decided| Delivery::Parked {
        cause: Cause::Silence,
        since: at(0),
        decided,
        past: past(1),
    };
    vec![
        ("", Delivery::due(at(0))),
        ("", leased(99)),
        ("ended", leased(5)),
        ("", decided(None)),
        ("held", decided(Some(lease(1, 99)))),
        ("ended", decided(Some(lease(1, 5)))),
        ("accept", done(Verdict::Accept)),
        ("reject", done(Verdict::Reject)),
        ("", parked(None)),
        ("decided", parked(Some(decision(Verdict::Accept)))),
    ]
}

fn events() -> Vec<Event> {
    vec![
        claimed(60),
        Event::Begun {
            package: "hund@1.0.0".into(),
        },
        Event::Decided(decision(Verdict::Reject)),
        Event::Posted,
        failed(Cause::ProcedureUnavailable),
        Event::LeaseEnded,
        Event::Reprieved,
        Event::Returned,
        Event::ParkedByOperator,
        Event::Released,
        Event::Retried,
        Event::Restarted(Restart::Fetch),
        Event::Restarted(Restart::Translate(Version::Same)),
        Event::Restarted(Restart::Translate(Version::Active)),
        Event::Restarted(Restart::HandOver),
        Event::Restarted(Restart::Acknowledge),
        Event::RejectedByOperator {
            detail: "not here".into(),
        },
    ]
}

#[test]
fn every_state_answers_every_event() {
    let mut table = String::new();
    for (face, state) in &states() {
        for event in events() {
            let name = event.name();
            let answer = match state.clone().step(event, &around(10)) {
                Ok(next) => {
                    let held = if next.is_held() { " held" } else { "" };
                    let package = next.package().map_or("", |_| " with its package");
                    format!("{}{held}{package}", next.name())
                }
                Err(illegal) => format!("illegal: {illegal}"),
            };
            writeln!(table, "{:<8} {face:<8} {name:<29} {answer}", state.name()).unwrap();
        }
    }
    insta::assert_snapshot!("delivery_state_table", table);
}

#[test]
fn what_was_begun_with_a_package_goes_on_with_it_until_a_person_acts() {
    let begun = Event::Begun {
        package: "hund@1.0.0".into(),
    };
    let leased = Delivery::due(at(0))
        .step(claimed(5), &around(0))
        .and_then(|delivery| delivery.step(begun.clone(), &around(0)))
        .unwrap();
    // Not noted twice.
    assert!(leased.clone().step(begun, &around(0)).is_err());
    let mut delivery = leased;
    for _ in 1..POLICY.tries_max {
        delivery = delivery
            .step(failed(Cause::PackageFaulty), &around(1))
            .unwrap();
        assert_eq!(delivery.package(), Some("hund@1.0.0"));
        delivery = delivery.step(claimed(5), &around(1)).unwrap();
        assert_eq!(delivery.package(), Some("hund@1.0.0"));
    }
    let parked = delivery
        .step(failed(Cause::PackageFaulty), &around(2))
        .unwrap();
    assert_eq!(parked.name(), "parked");
    let released = parked.step(Event::Released, &around(3)).unwrap();
    assert_eq!(released.package(), None);
}

#[test]
fn a_release_keeps_the_package_where_it_was_not_the_package_that_failed() {
    let parked = Delivery::Parked {
        cause: Cause::ProcedureMisconfigured,
        since: at(0),
        decided: None,
        past: past(3),
    };
    let released = parked.step(Event::Released, &around(3)).unwrap();
    assert_eq!(released.package(), Some("hund@1.0.0"));
    assert_eq!(released.trouble(), None);
}

#[test]
fn what_is_to_be_rejected_stays_so_until_a_person_begins_it_anew() {
    let parked = Delivery::Parked {
        cause: Cause::PackageFaulty,
        since: at(0),
        decided: None,
        past: past(3),
    };
    let detail = "not here".to_owned();
    let reject = Event::RejectedByOperator { detail };
    let waiting = parked.step(reject, &around(3)).unwrap();
    assert_eq!((waiting.name(), waiting.tries()), ("waiting", 0));
    let mut delivery = waiting.clone();
    // Signing it may fail, too.
    for _ in 0..POLICY.tries_max {
        delivery = delivery.step(claimed(9), &around(4)).unwrap();
        assert_eq!(delivery.refusal(), Some("not here"));
        delivery = delivery
            .step(failed(Cause::ServiceRefused), &around(4))
            .unwrap();
    }
    assert_eq!(delivery.name(), "parked");
    let released = delivery.step(Event::Released, &around(5)).unwrap();
    assert_eq!(released.refusal(), Some("not here"));
    let anew = released
        .step(Event::Restarted(Restart::Fetch), &around(6))
        .unwrap();
    assert_eq!(anew.refusal(), None);
    let stored = serde_json::to_string(&waiting).unwrap();
    assert_eq!(serde_json::from_str::<Delivery>(&stored).unwrap(), waiting);
}

#[test]
fn rows_of_older_versions_are_read() {
    let zero = Timestamp::from_millis(1000);
    let old = [
        (
            r#"{"state":"waiting","tries":2,"at":1000}"#,
            Delivery::Waiting {
                at: zero,
                past: Past {
                    tries: 2,
                    ..Past::default()
                },
            },
        ),
        (
            r#"{"state":"leased","tries":1,"until":1000,"package":"hund@1.0.0"}"#,
            Delivery::Leased {
                until: zero,
                by: None,
                past: past(1),
            },
        ),
        (
            r#"{"state":"decided","tries":0,"at":1000,"verdict":"accept","event":"set"}"#,
            Delivery::Decided {
                at: zero,
                held: None,
                decision: decision(Verdict::Accept),
                past: Past::default(),
            },
        ),
        (
            r#"{"state":"done","verdict":"reject","at":1000}"#,
            Delivery::Done {
                verdict: Verdict::Reject,
                at: zero,
                package: None,
            },
        ),
        (
            r#"{"state":"parked","cause":"silence","since":1000}"#,
            Delivery::Parked {
                cause: Cause::Silence,
                since: zero,
                decided: None,
                past: Past::default(),
            },
        ),
    ];
    for (json, expected) in old {
        let read: Delivery = serde_json::from_str(json).unwrap();
        assert_eq!(read, expected, "{json}");
    }
}

#[test]
fn every_state_is_read_as_it_was_written() {
    let trouble = Some(Trouble {
        cause: Cause::ServiceRefused,
        since: at(1),
        last: at(2),
    });
    let troubled = Delivery::Waiting {
        at: at(3),
        past: Past {
            silences: 2,
            trouble,
            ..past(4)
        },
    };
    let states = states().into_iter().map(|(_, state)| state);
    for state in states.chain([troubled]) {
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(
            serde_json::from_str::<Delivery>(&json).unwrap(),
            state,
            "{json}"
        );
    }
}

#[test]
fn delays_double_up_to_the_longest_and_any_part_of_them_is_waited() {
    let failure = Failure {
        cause: Cause::Silence,
        retry_after: None,
    };
    let delay = |tries, jitter| POLICY.delay(tries, failure, jitter).as_millis();
    let whole = |tries| delay(tries, Jitter::WHOLE);
    assert_eq!(
        [whole(1), whole(2), whole(3), whole(30)],
        [1000, 2000, 4000, 300_000]
    );
    // Full jitter: next to nothing is never waited, or a fault of ours would spin.
    assert_eq!(delay(30, Jitter::from_byte(0)), 125);
    assert_eq!(delay(30, Jitter::from_byte(51)), 60_000);
}

#[test]
fn a_foreign_retry_after_is_heard_and_clamped() {
    let asked = |secs| Failure {
        cause: Cause::ServiceUnavailable,
        retry_after: Some(Duration::from_secs(secs)),
    };
    assert_eq!(POLICY.delay(1, asked(60), Jitter::WHOLE).as_secs(), 60);
    assert_eq!(POLICY.delay(1, asked(86_400), Jitter::WHOLE).as_secs(), 300);
}

#[test]
fn a_verdict_is_signed_anew_but_never_changed() {
    let again = |verdict| {
        let event = "new".into();
        Event::Decided(Decision { verdict, event })
    };
    let next = decided(None).step(again(Verdict::Accept), &around(9));
    let Ok(Delivery::Decided { decision, .. }) = next else {
        panic!("{next:?}")
    };
    assert_eq!(decision.event, "new");
    assert!(
        decided(None)
            .step(again(Verdict::Reject), &around(9))
            .is_err()
    );
}

#[test]
fn who_is_merely_away_is_waited_for() {
    let mut delivery = Delivery::due(at(0));
    for _ in 0..100 {
        delivery = delivery.step(claimed(5), &around(0)).unwrap();
        delivery = delivery
            .step(failed(Cause::ProcedureUnavailable), &around(6))
            .unwrap();
    }
    assert_eq!(delivery.name(), "waiting");
}

#[test]
fn trouble_tells_since_when_and_of_which_cause() {
    let mut delivery = Delivery::due(at(0));
    let seen = [
        (10, Cause::ProcedureUnavailable, 10),
        (20, Cause::ProcedureUnavailable, 10),
        (30, Cause::ServiceUnavailable, 30),
    ];
    for (now_s, cause, since_s) in seen {
        delivery = delivery.step(claimed(99), &around(now_s)).unwrap();
        delivery = delivery.step(failed(cause), &around(now_s)).unwrap();
        let expected = Trouble {
            cause,
            since: at(since_s),
            last: at(now_s),
        };
        assert_eq!(delivery.trouble(), Some(expected));
    }
    // A try under way has not mended it yet.
    delivery = delivery.step(claimed(99), &around(40)).unwrap();
    assert_eq!(
        delivery.trouble().map(|trouble| trouble.since),
        Some(at(30))
    );
    let decided = delivery.step(Event::Decided(decision(Verdict::Accept)), &around(50));
    assert_eq!(decided.unwrap().trouble(), None);
}

#[test]
fn tries_run_out_but_a_verdict_is_posted_for_ever() {
    let mut delivery = Delivery::due(at(0));
    for _ in 0..POLICY.tries_max {
        delivery = delivery.step(claimed(5), &around(0)).unwrap();
        delivery = delivery.step(Event::LeaseEnded, &around(6)).unwrap();
    }
    assert!(
        matches!(&delivery, Delivery::Parked { cause: Cause::Silence, since, .. } if *since == at(6)),
        "{delivery:?}"
    );

    let mut decided = decided(None);
    for _ in 0..100 {
        decided = decided
            .step(failed(Cause::ServiceUnavailable), &around(0))
            .unwrap();
    }
    assert_eq!(decided.name(), "decided");
}

#[test]
fn who_lost_its_worker_or_service_many_times_does_not_wait_longer_for_it() {
    let around = |now_s| Circumstances {
        policy: RetryPolicy {
            first: Duration::from_secs(2),
            longest: Duration::from_mins(15),
            tries_max: 50,
        },
        ..around(now_s)
    };
    let check = |cause: Cause, retry_after: Option<Duration>, longest_s: i64| {
        let delivery = Delivery::Leased {
            until: at(5),
            by: Some(lease(1, 5).by),
            past: past(20),
        };
        let failure = Failure { cause, retry_after };
        let next = delivery.step(Event::Failed(failure), &around(0)).unwrap();
        assert_eq!(next.due_at(), Some(at(longest_s)), "{cause:?}");
    };
    check(Cause::Silence, None, 30);
    check(Cause::ServiceUnavailable, None, 30);
    check(Cause::ProcedureUnavailable, None, 900);
    // A wish is heard as before.
    check(Cause::ServiceUnavailable, Some(Duration::from_mins(2)), 120);
    check(
        Cause::ServiceUnavailable,
        Some(Duration::from_hours(2)),
        900,
    );
}

#[test]
fn whoever_takes_over_counts_the_death_of_the_one_before() {
    let policy = RetryPolicy {
        tries_max: 50,
        ..POLICY
    };
    let around = |now_s| Circumstances {
        policy,
        ..around(now_s)
    };
    let mut delivery = Delivery::due(at(0));
    for death in 0..i64::from(SILENCES_MAX) {
        delivery = delivery
            .step(claimed(10 * death + 5), &around(10 * death))
            .unwrap();
        assert_eq!(delivery.name(), "leased");
        assert_eq!(delivery.is_suspect(), death >= i64::from(SUSPECTED_FROM));
        // While it is held, nobody else gets it.
        let early = delivery.clone().step(claimed(99), &around(10 * death + 4));
        assert!(early.is_err());
    }
    delivery = delivery.step(claimed(999), &around(900)).unwrap();
    assert!(
        matches!(
            delivery,
            Delivery::Parked {
                cause: Cause::Silence,
                ..
            }
        ),
        "{delivery:?}"
    );
}

#[test]
fn what_is_parked_with_its_verdict_is_never_handed_over_again() {
    let mut delivery = decided(None);
    for event in [Event::ParkedByOperator, Event::Released] {
        delivery = delivery.step(event, &around(10)).unwrap();
    }
    let Delivery::Decided { decision, .. } = &delivery else {
        panic!("{delivery:?}")
    };
    assert_eq!(decision.event, "set");
}

#[test]
fn a_lease_is_renewed_and_nothing_else() {
    for (_, state) in states() {
        let renewed = state.clone().renewed(at(777));
        if state.is_held() {
            assert_eq!(renewed.due_at(), Some(at(777)));
        } else {
            assert_eq!(renewed, state);
        }
    }
}

#[test]
fn a_cause_is_found_by_its_name() {
    for cause in Cause::ALL {
        assert_eq!(Cause::named(cause.name()), Some(cause));
        let json = serde_json::to_string(&cause).unwrap();
        assert_eq!(json, format!("\"{}\"", cause.name()));
    }
    assert_eq!(Cause::named("weather"), None);
}

#[test]
fn what_parked_for_killing_workers_gets_another_try_after_ever_longer_calm() {
    let parked = |silences| Delivery::Parked {
        cause: Cause::Silence,
        since: Timestamp::from_millis(0),
        decided: None,
        past: Past {
            silences,
            ..Past::default()
        },
    };
    let seconds = |silences| parked(silences).reprieve_after().unwrap().as_secs();
    assert_eq!([8, 9, 12, 40].map(seconds), [30, 60, 480, 86_400]);
    // One more death, and it is parked again.
    let tried = parked(8).step(Event::Reprieved, &around(10)).unwrap();
    let tried = tried.step(claimed(60), &around(10)).unwrap();
    let again = tried.step(Event::LeaseEnded, &around(10)).unwrap();
    assert_eq!(again.reprieve_after(), parked(9).reprieve_after());
    assert_eq!(
        Delivery::due(Timestamp::from_millis(0)).reprieve_after(),
        None
    );
}
