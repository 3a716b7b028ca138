use chrono::TimeDelta;
use coppice::{
    app::input::{OperatorApiKey, OperatorUser},
    domain::account::{Permission, Who},
};

use crate::support::world::{Kind, World, actor, on_both, refused};

on_both!(knows_a_key_by_its_text, makes_users);

async fn knows_a_key_by_its_text(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let input = OperatorApiKey {
        account_id: tree.partner.id,
        name: "for tests".into(),
        permission: Permission::Write,
        expires_in_days: Some(1),
    };
    let (key, text) = world.app.operator_create_api_key(input.clone()).await.unwrap().unwrap();
    let found = world.app.authenticate_api_key(text.expose()).await.unwrap().unwrap();
    assert_eq!((found.who, found.account_id, found.permission), (Who::ApiKey(key.id), tree.partner.id, Permission::Write));
    let viewer = world.app.viewer(&found).await.unwrap();
    assert_eq!(viewer.account, tree.partner);
    assert_eq!(viewer.api_key.unwrap().last_used_at, Some(key.created_at));

    let (_, other) =
        world.app.operator_create_api_key(OperatorApiKey { expires_in_days: None, ..input.clone() }).await.unwrap().unwrap();
    assert_ne!(other.expose(), text.expose());
    for wrong in ["", "coppice_key_", &text.expose()[1..]] {
        assert_eq!(world.app.authenticate_api_key(wrong).await.unwrap(), None);
    }
    world.advance(TimeDelta::days(1));
    assert_eq!(world.app.authenticate_api_key(text.expose()).await.unwrap(), None, "it is expired");
    world.database.sql("UPDATE api_key SET revoked_at = 0").await.unwrap();
    assert_eq!(world.app.authenticate_api_key(other.expose()).await.unwrap(), None, "it is revoked");
    if kind == Kind::Sqlite {
        let disk = world.database.bytes_on_disk();
        assert!(!disk.windows(text.expose().len()).any(|bytes| bytes == text.expose().as_bytes()));
    }
    let nowhere = OperatorApiKey { account_id: world.ids.uuid(key.created_at), ..input };
    assert_eq!(refused(world.app.operator_create_api_key(nowhere).await.unwrap()), "NOT_FOUND accountId");
}

async fn makes_users(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let input = OperatorUser {
        account_id: tree.partner.id,
        name: "Ada Lovelace".into(),
        email: "Ada@Example.com".into(),
        permission: Permission::Admin,
    };
    let (user, _) = world.app.operator_create_user(input.clone()).await.unwrap().unwrap();
    assert_eq!(user.email, "ada@example.com");
    assert_eq!(refused(world.app.operator_create_user(input.clone()).await.unwrap()), "TAKEN email");
    let wrong = OperatorUser { email: "ada".into(), name: String::new(), ..input };
    assert_eq!(refused(world.app.operator_create_user(wrong).await.unwrap()), "INVALID name, INVALID email");
    for (viewer, permission, sees) in [
        (&tree.distributor, Permission::Admin, true),
        (&tree.distributor, Permission::Write, false),
        (&tree.other_partner, Permission::Admin, false),
    ] {
        let found = world.app.users_by_id(&actor(viewer, permission), &[user.id]).await.unwrap();
        assert_eq!(found.contains_key(&user.id), sees);
    }
}
