//! Passes the hub's hints on to the other nodes of a PostgreSQL installation, and theirs to the hub: a subscriber hears at once of what a
//! worker on another node committed. Without it, or while it is broken, subscribers look every 2 s.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::hub::{Hint, Hub};
use crate::{
    id::Uuid,
    store::{Store, StoreError, hints::MAX_HINT},
};

/// How long hints are gathered before they are sent together.
const GATHER: Duration = Duration::from_millis(100);
/// The pause before a lost connection is made anew.
const PAUSE: Duration = Duration::from_secs(2);

/// Relays until it is dropped; ends at once on SQLite. `node` tells this node's own messages from others'.
pub async fn relay(store: Store, hub: Hub, node: Uuid) {
    if !store.is_sqlite() {
        let told = hub.told();
        tokio::join!(tell(&store, told, node), hear(&store, &hub, node));
    }
}

async fn tell(store: &Store, mut told: Receiver<Hint>, node: Uuid) {
    loop {
        let mut hints = BTreeSet::new();
        match told.recv().await {
            Ok(hint) => hints.insert(hint),
            // What was dropped others find by looking.
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        tokio::time::sleep(GATHER).await;
        while let Ok(hint) = told.try_recv() {
            hints.insert(hint);
        }
        if let Err(error) = store.send_hint(&message(node, &hints)).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "other nodes were not told that something moved on");
        }
    }
}

async fn hear(store: &Store, hub: &Hub, node: Uuid) {
    let mut failing = false;
    loop {
        let heard: Result<(), StoreError> = async {
            let Some(mut hints) = store.hear_hints().await? else { return Ok(()) };
            failing = false;
            loop {
                if let Some(text) = hints.next().await? {
                    read(&text, node).for_each(|hint| hub.hear(hint));
                }
            }
        }
        .await;
        match heard {
            Ok(()) => return,
            Err(error) if !failing => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "other nodes' progress is not heard of at once; subscribers still look every 2 s"
                );
                failing = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The node, then each hint as a letter and an id; as many as fit, since the rest is found by looking.
fn message(node: Uuid, hints: &BTreeSet<Hint>) -> String {
    let mut text = node.simple().to_string();
    for hint in hints {
        let (kind, id) = match hint {
            Hint::Run(id) => ('r', id),
            Hint::Health(id) => ('h', id),
            Hint::Certificate(id) => ('c', id),
        };
        if text.len() + 40 > MAX_HINT {
            break;
        }
        // Writing to a String cannot fail.
        let _ = write!(text, " {kind}{}", id.simple());
    }
    text
}

/// The hints of another node's message; what is not understood comes from another version and is left out.
fn read(text: &str, own: Uuid) -> impl Iterator<Item = Hint> {
    let mut words = text.split(' ');
    let other = words.next().and_then(|node| Uuid::parse_str(node).ok()).is_some_and(|node| node != own);
    words.filter(move |_| other).filter_map(|word| {
        let (kind, id) = word.split_at_checked(1)?;
        let id = Uuid::parse_str(id).ok()?;
        match kind {
            "r" => Some(Hint::Run(id)),
            "h" => Some(Hint::Health(id)),
            "c" => Some(Hint::Certificate(id)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_by_others_only() {
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let hints = BTreeSet::from([Hint::Run(Uuid::from_u128(3)), Hint::Health(Uuid::from_u128(4)), Hint::Certificate(one)]);
        let text = message(one, &hints);
        assert_eq!(read(&text, other).collect::<BTreeSet<_>>(), hints);
        assert_eq!(read(&text, one).count(), 0);
        for strange in ["", "nonsense", "nonsense r1", &format!("{} x ry z{} ä", one.simple(), one.simple())] {
            assert_eq!(read(strange, other).count(), 0, "{strange}");
        }
    }

    #[test]
    fn a_message_fits() {
        let hints = (0..1_000).map(|id| Hint::Run(Uuid::from_u128(id))).collect();
        let text = message(Uuid::max(), &hints);
        assert!(text.len() <= MAX_HINT && read(&text, Uuid::nil()).count() > 200, "{}", text.len());
    }
}
