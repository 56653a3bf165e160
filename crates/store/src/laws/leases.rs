//! Laws of leases.

use futures_util::future::join_all;

use super::samples::at;
use crate::Leases;

async fn hold(leases: &impl Leases, owner: &str, now_s: i64, until_s: i64) -> bool {
    let held = leases.hold("round", owner, at(now_s), at(until_s)).await;
    held.expect("answers")
}

async fn leave(leases: &impl Leases, owner: &str) {
    leases.leave("round", owner).await.expect("answers");
}

/// Nobody else gets it before it ends.
pub async fn a_lease_is_held_by_one_owner(leases: &impl Leases) {
    assert!(hold(leases, "a", 0, 10).await);
    assert!(!hold(leases, "b", 9, 19).await);
    let other = leases.hold("other", "b", at(9), at(19)).await;
    assert!(other.expect("answers"));
}

/// From the moment it ends.
pub async fn a_lease_that_ended_is_free(leases: &impl Leases) {
    assert!(hold(leases, "a", 0, 10).await);
    assert!(hold(leases, "b", 10, 20).await);
    assert!(!hold(leases, "a", 11, 21).await);
}

/// By its owner, as often as it likes.
pub async fn a_lease_is_prolonged_by_its_owner(leases: &impl Leases) {
    assert!(hold(leases, "a", 0, 10).await);
    assert!(hold(leases, "a", 5, 15).await);
    assert!(!hold(leases, "b", 12, 20).await);
}

/// And what is somebody else's cannot be given back.
pub async fn a_lease_that_was_left_is_free(leases: &impl Leases) {
    assert!(hold(leases, "a", 0, 10).await);
    leave(leases, "b").await;
    assert!(!hold(leases, "b", 1, 11).await);
    leave(leases, "a").await;
    leave(leases, "a").await;
    assert!(hold(leases, "b", 2, 12).await);
}

/// However many ask at once.
pub async fn of_racing_owners_exactly_one_holds_the_lease(leases: &impl Leases) {
    for round in 0..5 {
        let (now_s, until_s) = (round * 10, round * 10 + 10);
        let owners: Vec<_> = (0..8).map(|owner| format!("owner-{owner}")).collect();
        let racing = owners
            .iter()
            .map(|owner| hold(leases, owner, now_s, until_s));
        let held = join_all(racing).await;
        assert_eq!(held.into_iter().filter(|held| *held).count(), 1);
    }
}
