use coppice::{
    app::{
        AppError,
        input::{CreateAccount, CreateAccounts},
    },
    domain::account::{Account, AccountRole, Permission},
};

use crate::support::world::{Kind, World, actor, codes, on_both, reader, refused, writer};

on_both!(
    adds_accounts_below,
    refuses_what_is_wrong,
    repeats_answer_like_the_first,
    the_same_key_at_once_makes_one_account,
    adds_many_with_a_result_each,
);

fn below(parent: &Account, name: &str) -> CreateAccount {
    CreateAccount {
        parent_id: parent.id,
        name: name.to_owned(),
        role: parent.role.child().unwrap(),
        time_zone: None,
        external_id: None,
        idempotency_key: None,
    }
}

async fn adds_accounts_below(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let made = world.app.create_account(&by, below(&tree.partner, "  New customer ")).await.unwrap().unwrap();
    assert_eq!((made.name.as_str(), made.role, made.version), ("New customer", AccountRole::Customer, 1));
    assert_eq!(made.time_zone, tree.partner.time_zone);
    // Everyone above sees it, a sibling does not.
    for (viewer, sees) in
        [(&tree.distributor, true), (&tree.partner, true), (&made, true), (&tree.other_partner, false), (&tree.customer, false)]
    {
        let found = world.app.account(&reader(viewer), made.id).await.unwrap();
        assert_eq!(found.is_some(), sees, "{}", viewer.name);
    }
}

async fn refuses_what_is_wrong(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let try_it = |input: CreateAccount| {
        let (app, by) = (&world.app, &by);
        async move { refused(app.create_account(by, input).await.unwrap()) }
    };
    assert_eq!(try_it(below(&tree.other_partner, "x")).await, "NOT_FOUND parentId");
    assert_eq!(try_it(below(&tree.partner, " ")).await, "INVALID name");
    assert_eq!(try_it(below(&tree.partner, &"x".repeat(201))).await, "INVALID name");
    assert_eq!(try_it(below(&tree.partner, "a\0b")).await, "INVALID name");
    assert_eq!(try_it(CreateAccount { role: AccountRole::Partner, ..below(&tree.partner, "x") }).await, "INVALID role");
    assert_eq!(try_it(CreateAccount { parent_id: tree.customer.id, ..below(&tree.partner, "x") }).await, "INVALID role");
    let named = CreateAccount { external_id: Some("17".into()), ..below(&tree.partner, "x") };
    world.app.create_account(&by, named.clone()).await.unwrap().unwrap();
    assert_eq!(try_it(named).await, "TAKEN externalId");
    let outcome = world.app.create_account(&actor(&tree.partner, Permission::Read), below(&tree.partner, "x")).await;
    assert!(matches!(outcome, Err(AppError::Forbidden)));
}

async fn repeats_answer_like_the_first(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let input = CreateAccount { idempotency_key: Some("k".into()), ..below(&tree.partner, "x") };
    let first = world.app.create_account(&by, input.clone()).await.unwrap().unwrap();
    assert_eq!(world.app.create_account(&by, input.clone()).await.unwrap().unwrap(), first);
    let other = CreateAccount { name: "y".into(), ..input.clone() };
    assert_eq!(refused(world.app.create_account(&by, other).await.unwrap()), "IDEMPOTENCY_KEY_REUSED idempotencyKey");
    // Another caller's keys are its own.
    let elsewhere = CreateAccount { idempotency_key: Some("k".into()), ..below(&tree.other_partner, "z") };
    world.app.create_account(&writer(&tree.other_partner), elsewhere).await.unwrap().unwrap();
    // After a day the key is free again.
    world.advance(chrono::TimeDelta::hours(24) + chrono::TimeDelta::milliseconds(1));
    assert_ne!(world.app.create_account(&by, input).await.unwrap().unwrap().id, first.id);
}

async fn the_same_key_at_once_makes_one_account(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let input =
        CreateAccount { idempotency_key: Some("k".into()), external_id: Some("17".into()), ..below(&tree.partner, "x") };
    let calls = (0..8).map(|_| {
        let (app, input) = (world.app.clone(), input.clone());
        tokio::spawn(async move { app.create_account(&by, input).await.unwrap().unwrap().id })
    });
    let mut made = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        made.push(call.await.unwrap());
    }
    made.dedup();
    assert_eq!(made.len(), 1);
}

async fn adds_many_with_a_result_each(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = writer(&tree.partner);
    let mut rows: Vec<CreateAccount> = (0..5).map(|number| below(&tree.partner, &format!("{number}"))).collect();
    rows[1].external_id = Some("same".into());
    rows[2].external_id = Some("same".into());
    rows[3].name = String::new();
    let input = CreateAccounts { accounts: rows.clone(), idempotency_key: Some("bulk".into()) };
    let results = world.app.create_accounts(&by, input.clone()).await.unwrap().unwrap();
    let shown: Vec<String> = results
        .iter()
        .map(|row| row.as_ref().map_or_else(|errors| codes(errors).join(", "), |account| account.name.clone()))
        .collect();
    assert_eq!(shown, ["0", "1", "TAKEN accounts.2.externalId", "INVALID accounts.3.name", "4"]);
    // The good rows are there once, however often the call is made.
    let again = world.app.create_accounts(&by, input).await.unwrap().unwrap();
    assert_eq!(again[0], results[0]);
    assert_eq!(again[4], results[4]);

    let none = CreateAccounts { accounts: Vec::new(), idempotency_key: None };
    assert_eq!(refused(world.app.create_accounts(&by, none).await.unwrap()), "INVALID accounts");
    let many = CreateAccounts { accounts: vec![rows[0].clone(); 251], idempotency_key: None };
    assert_eq!(refused(world.app.create_accounts(&by, many).await.unwrap()), "LIMIT_EXCEEDED accounts");
    let most = (0..250).map(|number| below(&tree.partner, &format!("most {number}"))).collect();
    let most = CreateAccounts { accounts: most, idempotency_key: None };
    assert!(world.app.create_accounts(&by, most).await.unwrap().unwrap().iter().all(Result::is_ok));
}
