//! Laws of the chain over the event log.

use super::samples::{announced_one, at, done, event, id};
use crate::chain::{Block, Chain, Leaf, path, root, root_of_path};
use crate::{Change, Event, Ledger, Upkeep};

async fn append(ledger: &impl Ledger, numbers: impl IntoIterator<Item = u32>) {
    let changes = numbers.into_iter().map(|n| Change::Append(event(n, 2, 3)));
    done(ledger, changes.collect()).await;
}

async fn unsealed(chain: &impl Chain) -> Vec<Event> {
    chain.unsealed(100).await.expect("answers")
}

async fn sealed(chain: &impl Chain, max: u32) -> Block {
    let events = chain.unsealed(max).await.expect("answers");
    let leaves: Vec<_> = events.iter().map(Leaf::of).collect();
    let head = chain.head().await.expect("answers");
    let mut block = Block::after(head.as_ref(), &leaves, at(50)).expect("there is news");
    "signed".clone_into(&mut block.signature);
    assert!(chain.seal(block.clone(), leaves).await.expect("answers"));
    block
}

/// Each event once, whatever its id.
pub async fn events_are_sealed_in_the_order_of_writing(store: &(impl Ledger + Chain)) {
    assert_eq!(store.head().await.expect("answers"), None);
    announced_one(store).await;
    let before = unsealed(store).await.len();
    append(store, [90, 70, 80]).await;
    let events = unsealed(store).await;
    let ids: Vec<_> = events.iter().skip(before).map(|e| e.id).collect();
    assert_eq!(ids, [id(90), id(70), id(80)]);
    let first = sealed(store, 2).await;
    assert_eq!((first.number, first.first, first.count), (1, 0, 2));
    assert_eq!(unsealed(store).await, events[2..]);
    append(store, [60]).await;
    let second = sealed(store, 100).await;
    assert!(second.follows(Some(&first)));
    assert_eq!(unsealed(store).await, []);
    assert_eq!(store.head().await.expect("answers"), Some(second));
    assert_eq!(store.block(1).await.expect("answers"), Some(first));
    assert_eq!(store.block(3).await.expect("answers"), None);
}

/// Only the block after the head, with the next events.
pub async fn a_block_that_does_not_follow_is_refused(store: &(impl Ledger + Chain)) {
    announced_one(store).await;
    append(store, [90, 70, 80]).await;
    let leaves: Vec<_> = unsealed(store).await.iter().map(Leaf::of).collect();
    let block = Block::after(None, &leaves[..1], at(50)).expect("there is news");
    let skipping = Block::after(None, &leaves[1..], at(50)).expect("there is news");
    assert!(
        !store
            .seal(skipping, leaves[1..].to_vec())
            .await
            .expect("answers")
    );
    assert!(
        store
            .seal(block.clone(), leaves[..1].to_vec())
            .await
            .expect("answers")
    );
    assert!(
        !store
            .seal(block, leaves[..1].to_vec())
            .await
            .expect("answers")
    );
    assert_eq!(unsealed(store).await.len(), leaves.len() - 1);
}

/// By the hashes of its block; not before it is sealed.
pub async fn a_sealed_event_is_proven(store: &(impl Ledger + Chain)) {
    announced_one(store).await;
    append(store, 70..75).await;
    assert_eq!(store.proof_of(id(72)).await.expect("answers"), None);
    sealed(store, 2).await;
    let block = sealed(store, 100).await;
    let proof = store
        .proof_of(id(72))
        .await
        .expect("answers")
        .expect("is sealed");
    assert_eq!(proof.leaf, Leaf::of(&event(72, 2, 3)));
    assert_eq!(proof.leaves[proof.position], proof.leaf.hash());
    assert_eq!((root(&proof.leaves), &proof.block), (block.root, &block));
    let way = path(&proof.leaves, proof.position);
    let reached = root_of_path(proof.leaf.hash(), proof.position, proof.leaves.len(), &way);
    assert_eq!(reached, Some(block.root));
}

/// With its case's log; its leaf stays.
pub async fn a_leaf_outlives_its_event(store: &(impl Ledger + Chain)) {
    done(
        store,
        vec![
            super::samples::found(super::samples::destination(1)),
            super::samples::open_case(2, 1),
        ],
    )
    .await;
    append(store, [70]).await;
    let block = sealed(store, 100).await;
    let (dropped, before) = (id(2), at(1_000_000_000));
    done(
        store,
        vec![
            Upkeep::DropCase {
                id: dropped,
                before,
            }
            .into(),
        ],
    )
    .await;
    let proof = store
        .proof_of(id(70))
        .await
        .expect("answers")
        .expect("is sealed");
    assert_eq!(proof.block, block);
}
