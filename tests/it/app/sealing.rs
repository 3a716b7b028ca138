use std::sync::Arc;

use coppice::{
    app::{App, AppParts, AppSettings, ConnectorCache, Hub, Rotation},
    clock::Clock as _,
    connector::{Client, ClientSettings, Credentials},
    domain::vendor::VendorKind,
    id::Uuid,
    secret::{KeyRing, Place, SealingKey},
    store::{Store, server},
};

use crate::support::world::{Kind, World, on_both};

on_both!(keys_are_rotated_while_servers_run);

/// The use cases over the same database with other keys.
fn with_keys(world: &World, keys: KeyRing) -> App {
    let client = Client::new(ClientSettings::default(), Arc::clone(&world.clock) as _, Arc::clone(&world.ids)).unwrap();
    App::new(AppParts {
        store: world.store.clone(),
        clock: Arc::clone(&world.clock) as _,
        ids: Arc::clone(&world.ids),
        connectors: Arc::new(ConnectorCache::new(client, Arc::new(keys))),
        tokens: None,
        queue: Arc::clone(&world.jobs) as _,
        hub: Hub::default(),
        settings: AppSettings::default(),
    })
}

async fn keys_are_rotated_while_servers_run(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let old = SealingKey::generate(&world.ids);
    let ring = KeyRing::new(old.clone(), Vec::new());
    // More than one batch.
    let (mut servers, credentials) = (Vec::new(), Credentials::MpsMonitor { dealer_token: "token".into() });
    for _ in 0..130 {
        servers.push(world.server(&tree.partner, VendorKind::MpsMonitor, chrono_tz::Tz::UTC).await);
    }
    let place = |id: Uuid| Place { table: "server", column: "credentials", row: id, account: tree.partner.id };
    for of in &servers {
        let sealed = ring.seal(&place(of.id), &credentials.to_sealable(), &world.ids).unwrap();
        set_credentials(&world.store, of.id, &sealed).await;
    }
    let before = with_keys(&world, ring);
    before.certificate_desk().renew_key().await.unwrap();
    let jwks = before.certificate_desk().key_set().await.unwrap();

    let new = SealingKey::generate(&world.ids);
    let both = with_keys(&world, KeyRing::new(new.clone(), vec![old.clone()]));
    let used = both.sealing_keys().await.unwrap();
    let told: Vec<_> = used.iter().map(|key| (key.id, key.seals, key.known, key.total())).collect();
    assert_eq!(told, [(new.id(), true, true, 0), (old.id(), false, true, 131)]);
    let alone = with_keys(&world, KeyRing::new(new.clone(), Vec::new()));
    let missing = &alone.sealing_keys().await.unwrap()[1];
    assert_eq!((missing.id, missing.known, missing.rows["certificate_key"]), (old.id(), false, 1));
    assert_eq!(alone.rotate_sealing_keys().await.unwrap(), Rotation { sealed: 0, unreadable: 131 }, "nothing is lost");

    assert_eq!(both.rotate_sealing_keys().await.unwrap(), Rotation { sealed: 131, unreadable: 0 });
    assert_eq!(both.rotate_sealing_keys().await.unwrap(), Rotation::default(), "nothing is left to do");
    assert_eq!(alone.sealing_keys().await.unwrap().len(), 1, "the old key seals nothing any more");
    let ring = KeyRing::new(new, Vec::new());
    for of in &servers {
        let sealed = server::sealed_credentials(&world.store, of.id).await.unwrap().unwrap();
        assert_eq!(ring.open(&place(of.id), &sealed).unwrap().as_slice(), credentials.to_sealable().as_slice());
    }
    assert_eq!(alone.certificate_desk().key_set().await.unwrap(), jwks);
    let found = server::find(&world.store, servers[0].id).await.unwrap().unwrap();
    assert_eq!((found.version, found.updated_at), (1, world.clock.now()), "clients that keep a copy see no change");
}

async fn set_credentials(store: &Store, id: Uuid, sealed: &[u8]) {
    use coppice::store::sealing::{SEALED, SealedRow, replace};
    let blob = server::sealed_credentials(store, id).await.unwrap().unwrap();
    let row = &SealedRow { id, account: Uuid::nil(), blob };
    assert!(store.write(|tx| async move { replace(&tx, &SEALED[0], row, sealed).await }).await.unwrap());
}
