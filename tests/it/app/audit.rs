use coppice::{
    app::{
        audit::in_request,
        input::{CreateAccount, UpdateAccount, UpdateUser},
    },
    domain::{
        account::{AccountRole, Permission},
        vendor::VendorKind,
    },
    id::{Kind as IdKind, PublicId},
};

use crate::support::world::{Kind, World, actor, on_both};

on_both!(a_change_and_its_record_are_there_together, nothing_is_changed_unnoticed, writers_side_by_side_make_one_chain);

fn create(parent: &coppice::domain::account::Account, name: &str) -> CreateAccount {
    CreateAccount {
        parent_id: parent.id,
        name: name.into(),
        role: AccountRole::Customer,
        time_zone: None,
        external_id: None,
        idempotency_key: None,
    }
}

async fn a_change_and_its_record_are_there_together(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = actor(&tree.partner, Permission::Admin);
    let before = world.app.verify_audit(None).await.unwrap();
    assert_eq!((before.entries, before.broken_at), (6, None), "what the operator made");
    let input = UpdateAccount { account_id: tree.customer.id, name: Some("New".into()), ..UpdateAccount::default() };
    in_request("req-7".into(), world.app.update_account(&by, input)).await.unwrap().unwrap();
    let server = world.server(&tree.partner, VendorKind::MpsMonitor, chrono_tz::Tz::UTC).await;
    world.app.pause_server(&by, server.id).await.unwrap().unwrap();
    // What is refused, and what changes nothing, leaves no record.
    let nowhere = UpdateAccount { account_id: tree.other_customer.id, ..UpdateAccount::default() };
    world.app.update_account(&by, nowhere).await.unwrap().unwrap_err();

    let entries = world.app.audit_entries(before.entries, None).await.unwrap();
    let told: Vec<_> = entries.iter().map(|entry| (entry.what.action.as_str(), entry.what.request_id.as_deref())).collect();
    assert_eq!(told, [("updateAccount", Some("req-7")), ("pauseServer", None)]);
    let (was, is) = (entries[0].what.before.as_deref().unwrap(), entries[0].what.after.as_deref().unwrap());
    assert!(was.contains("\"name\":\"Customer\"") && is.contains("\"name\":\"New\""), "{was} {is}");
    assert_eq!(entries[0].what.actor, PublicId::new(IdKind::ApiKey, tree.partner.id).to_string());
    assert!(entries[1].what.before.as_deref().unwrap().contains("\"pausedAt\":null"));
    let object = PublicId::new(IdKind::Server, server.id).to_string();
    assert_eq!(world.app.audit_entries(0, Some(&object)).await.unwrap(), entries[1..]);

    // Of a person: which fields changed, never what they say.
    let made = coppice::app::input::OperatorUser {
        account_id: tree.partner.id,
        name: "Ada Lovelace".into(),
        email: "ada@example.com".into(),
        permission: Permission::Read,
    };
    let (user, _) = world.app.operator_create_user(made).await.unwrap().unwrap();
    let renamed = UpdateUser { user_id: user.id, name: Some("Ada King".into()), ..UpdateUser::default() };
    world.app.update_user(&by, renamed).await.unwrap().unwrap();
    let entries = world.app.audit_entries(before.entries + 2, None).await.unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].what.after.as_deref(), Some(r#"{"changed":["name"],"permission":"READ","status":"ACTIVE"}"#));
    assert!(!format!("{entries:?}").contains("Ada") && !format!("{entries:?}").contains("example.com"));
}

async fn nothing_is_changed_unnoticed(kind: Kind) {
    let world = World::new(kind).await;
    world.tree().await;
    let whole = world.app.verify_audit(None).await.unwrap();
    let known = Some((whole.entries, whole.head));
    assert_eq!(world.app.verify_audit(known).await.unwrap(), whole);
    // The database itself refuses.
    for text in ["UPDATE audit_entry SET actor = 'me' WHERE seq = 3", "DELETE FROM audit_entry WHERE seq = 3"] {
        let refused = world.database.sql(text).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    // Whoever gets around that is found out.
    let off: &[&str] = match kind {
        Kind::Sqlite => &["DROP TRIGGER audit_entry_no_update", "DROP TRIGGER audit_entry_no_delete"],
        Kind::Postgres => &["ALTER TABLE audit_entry DISABLE TRIGGER ALL"],
    };
    for text in off {
        world.database.sql(text).await.unwrap();
    }
    world.database.sql("UPDATE audit_entry SET actor = 'me' WHERE seq = 3").await.unwrap();
    assert_eq!(world.app.verify_audit(None).await.unwrap().broken_at, Some(3));
    world.database.sql("UPDATE audit_entry SET actor = 'operator' WHERE seq = 3").await.unwrap();
    assert_eq!(world.app.verify_audit(None).await.unwrap(), whole);
    world.database.sql("DELETE FROM audit_entry WHERE seq = 6").await.unwrap();
    assert_eq!(world.app.verify_audit(None).await.unwrap().broken_at, None, "a cut end shows only to who knows it");
    assert_eq!(world.app.verify_audit(known).await.unwrap().broken_at, Some(6));
    world.database.sql("DELETE FROM audit_entry WHERE seq = 2").await.unwrap();
    assert_eq!(world.app.verify_audit(None).await.unwrap().broken_at, Some(2));
}

async fn writers_side_by_side_make_one_chain(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = actor(&tree.partner, Permission::Write);
    let names: Vec<String> = (0..16).map(|number| format!("Customer {number}")).collect();
    let made = names.iter().map(|name| world.app.create_account(&by, create(&tree.partner, name)));
    for outcome in futures_util::future::join_all(made).await {
        outcome.unwrap().unwrap();
    }
    let verdict = world.app.verify_audit(None).await.unwrap();
    assert_eq!((verdict.entries, verdict.broken_at), (6 + 16, None));
}
