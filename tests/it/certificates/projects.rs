//! Whose projects get the trees.

use coppice::{
    app::input::ChooseProjects,
    domain::{account::Account, project::Inventory},
    id::Uuid,
};

use super::{
    closing::{certificates, close},
    ledger::{Ledger, id, project},
};
use crate::support::world::{Kind, World, on_both, reader, refused, writer};

on_both!(trees_go_to_the_nearest_choice, choices_are_checked, a_projects_trees_can_run_short);

async fn choose(world: &World, account: &Account, projects: &[Uuid]) {
    let input = ChooseProjects { account_id: account.id, project_ids: projects.to_vec(), expected_version: None };
    world.app.choose_projects(&writer(account), input).await.unwrap().unwrap();
}

async fn trees_go_to_the_nearest_choice(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let ledger = Ledger::of(&world).await;
    let default = project(&world, "Default").await;
    assert!(default.is_default, "the first one made");
    let (hill, river, shore) = (project(&world, "Hill").await, project(&world, "River").await, project(&world, "Shore").await);
    choose(&world, &tree.distributor, &[hill.id]).await;
    choose(&world, &tree.partner, &[shore.id, river.id]).await;
    choose(&world, &tree.sibling, &[hill.id, river.id, shore.id]).await;
    // What was chosen and then closed takes no trees; a choice that is closed altogether is none.
    world.app.operator_close_project(hill.id).await.unwrap().unwrap();
    for account in [&tree.customer, &tree.sibling, &tree.other_customer] {
        ledger.post(id(&world), account.id, "2026-02-10", 10_500_000).await;
    }
    world.clock.set("2026-03-12T00:00:00Z".parse().unwrap());
    assert_eq!(close(&world).await, 3);
    for (account, expected) in [
        (&tree.customer, vec![("Shore", "5.5"), ("River", "5")]),
        (&tree.sibling, vec![("River", "5.5"), ("Shore", "5")]),
        (&tree.other_customer, vec![("Default", "10.5")]),
    ] {
        let issued = certificates(&world, account).await;
        let parts: Vec<(&str, String)> =
            issued[0].allocations.iter().map(|part| (part.project_name.as_str(), part.standard.to_string())).collect();
        let expected: Vec<(&str, String)> = expected.into_iter().map(|(name, pages)| (name, pages.to_owned())).collect();
        assert_eq!(parts, expected);
    }
    ledger.check().await;
}

async fn choices_are_checked(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let (one, two) = (project(&world, "One").await, project(&world, "Two").await);
    world.app.operator_close_project(two.id).await.unwrap().unwrap();
    let call = async |by: &Account, projects: Vec<Uuid>, version: Option<i32>| {
        let input = ChooseProjects { account_id: tree.customer.id, project_ids: projects, expected_version: version };
        world.app.choose_projects(&writer(by), input).await.unwrap()
    };
    assert_eq!(refused(call(&tree.sibling, vec![one.id], None).await), "NOT_FOUND accountId");
    assert_eq!(refused(call(&tree.customer, vec![one.id, two.id], None).await), "INVALID_STATE projectIds.1");
    assert_eq!(refused(call(&tree.customer, vec![one.id, one.id], None).await), "INVALID projectIds.1");
    assert_eq!(refused(call(&tree.customer, vec![Uuid::nil()], None).await), "NOT_FOUND projectIds.0");
    assert_eq!(refused(call(&tree.customer, vec![one.id; 21], None).await), "LIMIT_EXCEEDED projectIds");
    let changed = call(&tree.customer, vec![one.id], Some(1)).await.unwrap();
    assert_eq!(changed.version, 2);
    assert_eq!(refused(call(&tree.customer, vec![], Some(1)).await), "CONFLICT expectedVersion");
    let chosen = world.app.chosen_projects(&reader(&tree.customer), &[tree.customer.id]).await.unwrap();
    assert_eq!(chosen[&tree.customer.id][0].name, "One");
    call(&tree.customer, vec![], Some(2)).await.unwrap();
    let chosen = world.app.chosen_projects(&reader(&tree.customer), &[tree.customer.id]).await.unwrap();
    assert!(chosen[&tree.customer.id].is_empty());
    assert!(
        world
            .app
            .choose_projects(
                &reader(&tree.customer),
                ChooseProjects { account_id: tree.customer.id, project_ids: vec![], expected_version: None },
            )
            .await
            .is_err()
    );
}

async fn a_projects_trees_can_run_short(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let ledger = Ledger::of(&world).await;
    let river = project(&world, "River").await;
    assert_eq!(river.inventory(), Inventory::Unlimited);
    world.app.operator_stock_project(river.id, Some(2)).await.unwrap().unwrap();
    assert_eq!(refused(world.app.operator_close_project(river.id).await.unwrap()), "INVALID_STATE project");
    // 16,666 pages are two trees.
    for (day, pages, expected) in [
        ("2026-01-10", 8_333_000_000_i64, Inventory::Left(100)),
        ("2026-01-11", 7_600_000_000, Inventory::Low(9)),
        ("2026-01-12", 733_000_000, Inventory::Short(0)),
        ("2026-01-13", 8_333_000_000, Inventory::Short(100)),
    ] {
        ledger.post(id(&world), tree.customer.id, day, pages).await;
        assert_eq!(close(&world).await, 1, "a promise short of trees is kept all the same");
        assert_eq!(world.app.operator_projects().await.unwrap()[0].inventory(), expected);
    }
    ledger.check().await;
}
