//! Every state × every event, over HTTP, in both versions: the answers are those of the state machine.

use std::time::Duration;

use amtsbote_gateway::{Deadlines, Retention};
use amtsbote_model::submission::{Event, Issuer, Refusal, State};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bench::{Bench, Ids, new_attachment, sealed, signed};

fn problems() -> Value {
    json!({ "problems": [{
        "type": "https://schema.fitko.de/fit-connect/events/problems/schema-violation",
        "title": "Schemafehler", "detail": "d", "instance": "data",
    }] })
}

/// Tags of the right form; of what was never submitted there are no others.
fn tags() -> Value {
    let tag = "AAAAAAAAAAAAAAAAAAAAAA";
    json!({ "authenticationTags": { "metadata": tag, "data": tag } })
}

async fn send(bench: &Bench, ids: &Ids, event: &str, payload: Value) {
    let token = signed(&bench.claims(ids, event, payload));
    bench.send_event(ids, token).await.expect(204);
}

/// A submission that has come into this state by its own way.
async fn in_state(bench: &Bench, version: &str, state: State) -> Ids {
    if state == State::Created {
        return bench.announce(version, &[]).await;
    }
    let ids = bench.submitted(version, &[]).await;
    match state {
        State::Created | State::Submitted => {}
        State::Forwarded => {
            let by_v1 = Ids {
                version: "v1".into(),
                ..ids.clone()
            };
            send(bench, &by_v1, "forward-submission", json!({})).await;
        }
        State::Accepted => {
            bench.accept(&ids).await.expect(204);
        }
        State::Rejected => send(bench, &ids, "reject-submission", problems()).await,
        State::Deleted => {
            bench.accept(&ids).await.expect(204);
            bench.clock.turn(Duration::from_hours(8 * 24));
            let mut retention = Retention::default();
            retention.trust.downtime_max = Duration::from_hours(365 * 24);
            let deadlines = Deadlines::new(bench.context.clone(), retention);
            deadlines.round().await.unwrap();
        }
    }
    assert_eq!(bench.stored(&ids).await.state, state);
    ids
}

async fn payload(bench: &Bench, ids: &Ids, event: Event) -> Value {
    match event {
        Event::Accept | Event::Submit if bench.stored(ids).await.submitted_at.is_some() => {
            bench.submit_payload(ids).await
        }
        Event::Accept | Event::Submit => tags(),
        Event::Reject => problems(),
        Event::Notify => json!({ "notifyType": "polling" }),
        Event::Create | Event::Forward | Event::Delete => json!({}),
    }
}

#[tokio::test]
async fn every_event_in_every_state_is_answered_as_the_table_says() {
    for version in ["v1", "v2"] {
        for state in State::ALL {
            for event in Event::ALL {
                let bench = Bench::new().await;
                let ids = in_state(&bench, version, state).await;
                let payload = payload(&bench, &ids, event).await;
                let name = format!("{}-submission", event.name());
                let before = bench.log(&ids).await;
                let token = signed(&bench.claims(&ids, &name, payload));
                let answer = bench.send_event(&ids, token).await;
                let said = if version == "v2" && event == Event::Forward {
                    Err(Refusal::WrongIssuer {
                        event,
                        issuer: Issuer::Subscriber,
                    })
                } else {
                    state.step(event, Issuer::Subscriber)
                };
                let place = format!("{version} {state} {event}: {}", answer.text());
                let expected = match said {
                    Ok(_) => (204, ""),
                    Err(Refusal::WrongIssuer { .. }) => (422, "event-malformed"),
                    Err(Refusal::IllegalStep { .. }) => (409, "illegal-step"),
                };
                let code = answer.code();
                assert_eq!((answer.status.as_u16(), code.as_str()), expected, "{place}");
                let now = bench.stored(&ids).await.state;
                assert_eq!(now, said.unwrap_or(state), "{place}");
                let mut after = before;
                after.extend(said.is_ok().then_some(name));
                assert_eq!(bench.log(&ids).await, after, "{place}");
            }
        }
    }
}

#[tokio::test]
async fn events_of_the_delivery_service_are_never_taken_from_outside() {
    for version in ["v1", "v2"] {
        for state in State::ALL {
            let bench = Bench::new().await;
            let ids = in_state(&bench, version, state).await;
            for event in Event::ALL {
                let payload = payload(&bench, &ids, event).await;
                let name = format!("{}-submission", event.name());
                let mut claims = bench.claims(&ids, &name, payload);
                claims["iss"] = json!("https://amtsbote.example.de/submission-api");
                let answer = bench.send_event(&ids, signed(&claims)).await;
                assert_eq!(
                    answer.status,
                    422,
                    "{version} {state} {event}: {}",
                    answer.text()
                );
            }
            assert_eq!(bench.stored(&ids).await.state, state);
        }
    }
}

#[tokio::test]
async fn only_what_is_announced_takes_parts() {
    for version in ["v1", "v2"] {
        for state in State::ALL {
            let bench = Bench::new().await;
            let ids = in_state(&bench, version, state).await;
            let submit = bench.submit(&ids).await;
            let attachment = new_attachment();
            let upload = bench
                .upload(&ids, attachment, sealed(b"x", "application/pdf"))
                .await;
            let statuses = (submit.status.as_u16(), upload.status.is_success());
            let taken = if version == "v1" { 202 } else { 200 };
            let expected = if state == State::Created { taken } else { 422 };
            assert_eq!(
                statuses,
                (expected, false),
                "{version} {state}: {}",
                submit.text()
            );
            if state != State::Created {
                submit.refuses(422, "submission-closed");
                assert_eq!(bench.stored(&ids).await.state, state);
            }
        }
    }
}

#[tokio::test]
async fn an_event_of_another_case_or_submission_is_refused_in_every_state() {
    for state in State::ALL {
        let bench = Bench::new().await;
        let ids = in_state(&bench, "v2", state).await;
        let mut claims = bench.claims(&ids, "reject-submission", problems());
        claims["sub"] = json!(format!("submission:{}", Uuid::new_v4()));
        bench
            .send_event(&ids, signed(&claims))
            .await
            .refuses(422, "event-malformed");
        assert_eq!(bench.stored(&ids).await.state, state);
    }
}
