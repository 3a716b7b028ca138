use chrono::TimeDelta;
use coppice::{
    app::{
        AppError,
        input::{CreateApiKey, CreateUser, UpdateAccount, UpdateUser},
    },
    clock::Clock as _,
    domain::{
        account::{ActiveStatus, Actor, Permission, Who},
        paging::PageArgs,
        query::{Below, Under},
    },
};

use crate::support::world::{Kind, World, actor, on_both, refused, writer};

on_both!(administrators_manage_users, keys_are_shown_once_and_end, accounts_are_changed);

fn all() -> Below {
    Below::all(Under::Account, PageArgs::default())
}

async fn administrators_manage_users(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = actor(&tree.partner, Permission::Admin);
    let input = |name: &str, email: &str| CreateUser {
        account_id: tree.customer.id,
        name: name.into(),
        email: email.into(),
        permission: Permission::Read,
        idempotency_key: Some(format!("make {name}")),
    };
    let (zoe, url) = world.app.create_user(&by, input("zoe", "zoe@example.com")).await.unwrap().unwrap();
    assert!(url.is_some());
    let (again, url) = world.app.create_user(&by, input("zoe", "zoe@example.com")).await.unwrap().unwrap();
    assert_eq!((&again, url.is_none()), (&zoe, true), "the address is given once");
    let reused =
        world.app.create_user(&by, CreateUser { permission: Permission::Write, ..input("zoe", "zoe@example.com") }).await;
    assert_eq!(refused(reused.unwrap()), "IDEMPOTENCY_KEY_REUSED idempotencyKey");
    let (adam, _) = world.app.create_user(&by, input("Adam", "adam@example.com")).await.unwrap().unwrap();
    let twice = CreateUser { idempotency_key: None, ..input("x", "ADAM@example.com") };
    assert_eq!(refused(world.app.create_user(&by, twice.clone()).await.unwrap()), "TAKEN email");
    let elsewhere = CreateUser { account_id: tree.other_customer.id, email: "b@example.com".into(), ..twice.clone() };
    assert_eq!(refused(world.app.create_user(&by, elsewhere).await.unwrap()), "NOT_FOUND accountId");
    let wrong = CreateUser { email: "nobody".into(), name: " ".into(), ..twice.clone() };
    assert_eq!(refused(world.app.create_user(&by, wrong).await.unwrap()), "INVALID name, INVALID email");
    assert!(matches!(world.app.create_user(&writer(&tree.partner), twice).await, Err(AppError::Forbidden)));

    let accounts = [tree.customer.id, tree.partner.id, tree.other_customer.id];
    let listed = world.app.users_below(&by, &accounts, &all()).await.unwrap();
    assert_eq!(listed.len(), 1, "of the account itself, and not of another partner's");
    let names: Vec<_> = listed[&tree.customer.id].items.iter().map(|(_, user)| user.name.as_str()).collect();
    assert_eq!(names, ["Adam", "zoe"]);
    assert!(world.app.users_below(&writer(&tree.partner), &accounts, &all()).await.unwrap().is_empty());
    let stranger = actor(&tree.other_partner, Permission::Admin);
    assert!(world.app.users_below(&stranger, &accounts, &all()).await.unwrap().is_empty());

    let change = UpdateUser { user_id: zoe.id, name: Some("Zoë".into()), expected_version: Some(1), ..UpdateUser::default() };
    let changed = world.app.update_user(&by, change.clone()).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.version), ("Zoë", 2));
    assert_eq!(refused(world.app.update_user(&by, change.clone()).await.unwrap()), "CONFLICT expectedVersion");
    // The user itself may change its name, and no more.
    let herself = Actor { who: Who::User(zoe.id), account_id: tree.customer.id, permission: Permission::Read };
    let named = UpdateUser { expected_version: None, ..change.clone() };
    assert_eq!(world.app.update_user(&herself, named.clone()).await.unwrap().unwrap().version, 2, "nothing changed");
    let more = UpdateUser { permission: Some(Permission::Admin), ..named.clone() };
    assert!(matches!(world.app.update_user(&herself, more).await, Err(AppError::Forbidden)));
    let other = UpdateUser { user_id: adam.id, ..named.clone() };
    assert!(matches!(world.app.update_user(&herself, other).await, Err(AppError::Forbidden)));
    let stranger = actor(&tree.other_partner, Permission::Admin);
    assert_eq!(refused(world.app.update_user(&stranger, named).await.unwrap()), "NOT_FOUND userId");
    assert_eq!(refused(world.app.reset_password(&stranger, zoe.id).await.unwrap()), "NOT_FOUND userId");
    assert_eq!(refused(world.app.remove_user(&stranger, zoe.id).await.unwrap()), "NOT_FOUND userId");

    let off = UpdateUser { user_id: adam.id, status: Some(ActiveStatus::Inactive), ..UpdateUser::default() };
    world.app.update_user(&by, off).await.unwrap().unwrap();
    assert_eq!(refused(world.app.reset_password(&by, adam.id).await.unwrap()), "INVALID_STATE userId");
    world.app.remove_user(&by, adam.id).await.unwrap().unwrap();
    assert_eq!(refused(world.app.remove_user(&by, adam.id).await.unwrap()), "NOT_FOUND userId");
    if kind == Kind::Sqlite {
        world.database.sql("VACUUM").await.unwrap();
        world.database.sql("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        let disk = world.database.bytes_on_disk();
        assert!(
            !disk.windows(16).any(|bytes| bytes == b"adam@example.com".as_slice()),
            "name and address are erased, the log included"
        );
    }
}

async fn keys_are_shown_once_and_end(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = actor(&tree.partner, Permission::Admin);
    let input = CreateApiKey {
        account_id: tree.customer.id,
        name: "portal".into(),
        permission: Permission::Write,
        expires_at: Some(world.clock.now() + TimeDelta::hours(1)),
        idempotency_key: Some("k".into()),
    };
    let (key, text) = world.app.create_api_key(&by, input.clone()).await.unwrap().unwrap();
    let text = text.unwrap();
    let (again, none) = world.app.create_api_key(&by, input.clone()).await.unwrap().unwrap();
    assert_eq!((again.id, none.is_none()), (key.id, true));
    let signed_in = world.app.authenticate(text.expose()).await.unwrap().unwrap();
    assert_eq!(signed_in.expires_at, key.expires_at, "a socket ends with the key");
    assert!(world.app.still_signed_in(&signed_in).await.unwrap());
    let past = CreateApiKey { expires_at: Some(world.clock.now()), idempotency_key: None, ..input.clone() };
    assert_eq!(refused(world.app.create_api_key(&by, past).await.unwrap()), "INVALID expiresAt");
    assert!(matches!(world.app.create_api_key(&writer(&tree.partner), input.clone()).await, Err(AppError::Forbidden)));

    world.advance(TimeDelta::minutes(1));
    let never = CreateApiKey { name: "second".into(), expires_at: None, idempotency_key: None, ..input };
    let (second, _) = world.app.create_api_key(&by, never).await.unwrap().unwrap();
    let listed = world.app.api_keys_below(&by, &[tree.customer.id], &all()).await.unwrap();
    assert_eq!(listed[&tree.customer.id].items.iter().map(|(_, key)| key.id).collect::<Vec<_>>(), [second.id, key.id]);
    assert!(world.app.api_keys_below(&writer(&tree.partner), &[tree.customer.id], &all()).await.unwrap().is_empty());

    let stranger = actor(&tree.other_partner, Permission::Admin);
    assert!(world.app.api_keys_below(&stranger, &[tree.customer.id], &all()).await.unwrap().is_empty());
    assert_eq!(refused(world.app.revoke_api_key(&stranger, key.id).await.unwrap()), "NOT_FOUND apiKeyId");
    let revoked = world.app.revoke_api_key(&by, key.id).await.unwrap().unwrap();
    assert_eq!(world.app.revoke_api_key(&by, key.id).await.unwrap().unwrap().revoked_at, revoked.revoked_at);
    assert_eq!(world.app.authenticate(text.expose()).await.unwrap(), None);
    assert!(!world.app.still_signed_in(&signed_in).await.unwrap());
}

async fn accounts_are_changed(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let change = |input: UpdateAccount| world.app.update_account(&by, input);
    let of = |id| UpdateAccount { account_id: id, ..UpdateAccount::default() };
    let input = UpdateAccount {
        name: Some(" Renamed ".into()),
        time_zone: Some(chrono_tz::Tz::Asia__Tokyo),
        external_id: Some(Some("x-1".into())),
        expected_version: Some(1),
        ..of(tree.customer.id)
    };
    let changed = change(input.clone()).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), changed.external_id.as_deref(), changed.version), ("Renamed", Some("x-1"), 2));
    assert_eq!(refused(change(input).await.unwrap()), "CONFLICT expectedVersion");
    let same = UpdateAccount { external_id: Some(Some("x-1".into())), ..of(tree.sibling.id) };
    assert_eq!(refused(change(same).await.unwrap()), "TAKEN externalId");
    let cleared = change(UpdateAccount { external_id: Some(None), ..of(tree.customer.id) }).await.unwrap().unwrap();
    assert_eq!((cleared.external_id, cleared.version), (None, 3));
    let off = UpdateAccount { status: Some(ActiveStatus::Inactive), ..of(tree.customer.id) };
    assert_eq!(change(off).await.unwrap().unwrap().status, ActiveStatus::Inactive);
    let stored = world.app.account(&by, tree.customer.id).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.time_zone.name(), stored.status), (4, "Asia/Tokyo", ActiveStatus::Inactive));
    assert_eq!(refused(change(of(tree.other_customer.id)).await.unwrap()), "NOT_FOUND accountId");
    let reader = actor(&tree.partner, Permission::Read);
    assert!(matches!(world.app.update_account(&reader, of(tree.customer.id)).await, Err(AppError::Forbidden)));
}
