use chrono::TimeDelta;
use coppice::{
    app::{
        AppError, NewSession,
        input::{CreateUser, UpdateUser},
    },
    domain::account::{ActiveStatus, Actor, Permission, User, Who},
    secret::Secret,
};

use crate::support::world::{Kind, Tree, World, actor, on_both, refused};

on_both!(
    a_one_time_address_sets_the_password_once,
    every_failure_answers_alike,
    a_refresh_token_works_once_and_its_reuse_ends_the_session,
    signing_out_ends_the_session_and_its_tokens,
    whoever_is_switched_off_is_signed_out,
    failures_are_slowed_per_account_and_per_address,
    attempts_side_by_side_count_too,
);

const PASSWORD: &str = "correct horse battery";

fn erika(tree: &Tree) -> CreateUser {
    CreateUser {
        account_id: tree.partner.id,
        name: "Erika Muster".into(),
        email: "Erika@Example.com".into(),
        permission: Permission::Write,
        idempotency_key: None,
    }
}

/// The token in a one-time address.
fn token(url: &Secret) -> Secret {
    url.expose().split_once("#token=").unwrap().1.into()
}

/// A user who has a password.
async fn user(world: &World, tree: &Tree) -> (User, NewSession) {
    let by = actor(&tree.distributor, Permission::Admin);
    let (user, url) = world.app.create_user(&by, erika(tree)).await.unwrap().unwrap();
    let session = world.app.set_password(&token(&url.unwrap()), PASSWORD.into()).await.unwrap().unwrap();
    (user, session)
}

async fn sign_in(world: &World, email: &str, password: &str, address: &str) -> Result<NewSession, String> {
    match world.app.sign_in(email, password.into(), Some(address.parse().unwrap())).await {
        Ok(outcome) => outcome.map_err(|errors| errors[0].code.to_string()),
        Err(AppError::Throttled(wait)) => Err(format!("{} s", wait.num_seconds())),
        Err(error) => panic!("{error}"),
    }
}

async fn who(world: &World, session: &NewSession) -> Option<Actor> {
    world.app.authenticate(session.access_token.expose()).await.unwrap().map(|sign_in| sign_in.actor)
}

async fn a_one_time_address_sets_the_password_once(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let by = actor(&tree.distributor, Permission::Admin);
    let (user, url) = world.app.create_user(&by, erika(&tree)).await.unwrap().unwrap();
    let first = token(&url.unwrap());
    assert_eq!(sign_in(&world, "erika@example.com", "", "192.0.2.1").await.unwrap_err(), "SIGN_IN_FAILED", "no password yet");
    let short = world.app.set_password(&first, "too short".into()).await.unwrap();
    assert_eq!(refused(short), "INVALID password", "and the address still works");

    let session = world.app.set_password(&first, PASSWORD.into()).await.unwrap().unwrap();
    assert_eq!(who(&world, &session).await.unwrap().who, Who::User(user.id));
    assert_eq!(refused(world.app.set_password(&first, PASSWORD.into()).await.unwrap()), "SIGN_IN_FAILED ", "it is used up");
    let session = sign_in(&world, " ERIKA@example.com ", PASSWORD, "192.0.2.1").await.unwrap();
    let expected = Actor { who: Who::User(user.id), account_id: tree.partner.id, permission: Permission::Write };
    assert_eq!(who(&world, &session).await, Some(expected));

    // A reset ends the password and the sessions; of two addresses the later one works, for three days.
    let (_, early) = world.app.reset_password(&by, user.id).await.unwrap().unwrap();
    assert_eq!(who(&world, &session).await, None);
    assert_eq!(sign_in(&world, "erika@example.com", PASSWORD, "192.0.2.1").await.unwrap_err(), "SIGN_IN_FAILED");
    let (_, late) = world.app.reset_password(&by, user.id).await.unwrap().unwrap();
    assert_eq!(refused(world.app.set_password(&token(&early), PASSWORD.into()).await.unwrap()), "SIGN_IN_FAILED ");
    world.advance(TimeDelta::hours(72));
    assert_eq!(refused(world.app.set_password(&token(&late), PASSWORD.into()).await.unwrap()), "SIGN_IN_FAILED ");
    if kind == Kind::Sqlite {
        let disk = world.database.bytes_on_disk();
        for secret in [first.expose(), PASSWORD, session.refresh_token.expose()] {
            assert!(!disk.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()), "{secret}");
        }
    }
}

async fn every_failure_answers_alike(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let (user, _) = user(&world, &tree).await;
    let by = actor(&tree.distributor, Permission::Admin);
    let inactive = UpdateUser { user_id: user.id, status: Some(ActiveStatus::Inactive), ..UpdateUser::default() };
    let message = async |email: &str, password: &str| {
        let errors = world.app.sign_in(email, password.into(), None).await.unwrap().unwrap_err();
        format!("{errors:?}")
    };
    let wrong = message("erika@example.com", "wrong").await;
    assert_eq!(message("nobody@example.com", PASSWORD).await, wrong);
    assert_eq!(message("a\0b", PASSWORD).await, wrong);
    assert_eq!(message("erika@example.com", &"x".repeat(100_000)).await, wrong);
    world.app.update_user(&by, inactive).await.unwrap().unwrap();
    assert_eq!(message("erika@example.com", PASSWORD).await, wrong);
    for text in ["", "coppice_refresh_", "coppice_link_"] {
        assert_eq!(format!("{:?}", world.app.refresh_session(&text.into()).await.unwrap().unwrap_err()), wrong);
        assert_eq!(format!("{:?}", world.app.set_password(&text.into(), PASSWORD.into()).await.unwrap().unwrap_err()), wrong);
    }
}

async fn a_refresh_token_works_once_and_its_reuse_ends_the_session(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let (_, first) = user(&world, &tree).await;
    let other = sign_in(&world, "erika@example.com", PASSWORD, "192.0.2.1").await.unwrap();
    world.advance(TimeDelta::minutes(16));
    assert_eq!(who(&world, &first).await, None, "the access token is over");
    let second = world.app.refresh_session(&first.refresh_token).await.unwrap().unwrap();
    assert_eq!(second.id, first.id);
    let third = world.app.refresh_session(&second.refresh_token).await.unwrap().unwrap();
    assert!(who(&world, &third).await.is_some());

    // Somebody has a token of the session that is used up: nobody of the two can be trusted.
    assert_eq!(refused(world.app.refresh_session(&first.refresh_token).await.unwrap()), "SIGN_IN_FAILED ");
    assert_eq!(refused(world.app.refresh_session(&third.refresh_token).await.unwrap()), "SIGN_IN_FAILED ");
    assert_eq!(who(&world, &third).await, None);
    let other = world.app.refresh_session(&other.refresh_token).await.unwrap().unwrap();
    assert!(who(&world, &other).await.is_some(), "another session goes on");
    world.advance(TimeDelta::days(30));
    assert_eq!(
        refused(world.app.refresh_session(&other.refresh_token).await.unwrap()),
        "SIGN_IN_FAILED ",
        "unused for 30 days"
    );

    // Two at once: one gets the tokens, the other ends the session.
    let session = sign_in(&world, "erika@example.com", PASSWORD, "192.0.2.1").await.unwrap();
    let refresh = || world.app.refresh_session(&session.refresh_token);
    let (a, b) = tokio::join!(refresh(), refresh());
    assert_eq!([a.unwrap(), b.unwrap()].iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(who(&world, &session).await, None);
}

async fn signing_out_ends_the_session_and_its_tokens(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let (_, one) = user(&world, &tree).await;
    let other = sign_in(&world, "erika@example.com", PASSWORD, "192.0.2.1").await.unwrap();
    let signed_in = world.app.authenticate(one.access_token.expose()).await.unwrap().unwrap();
    assert!(world.app.still_signed_in(&signed_in).await.unwrap());
    world.app.sign_out(&one.actor, signed_in.session, false).await.unwrap().unwrap();
    assert!(!world.app.still_signed_in(&signed_in).await.unwrap());
    assert_eq!(who(&world, &one).await, None);
    assert_eq!(refused(world.app.refresh_session(&one.refresh_token).await.unwrap()), "SIGN_IN_FAILED ");
    assert!(who(&world, &other).await.is_some());
    world.app.sign_out(&one.actor, None, true).await.unwrap().unwrap();
    assert_eq!(who(&world, &other).await, None);
    let key = actor(&tree.partner, Permission::Admin);
    assert_eq!(refused(world.app.sign_out(&key, None, true).await.unwrap()), "INVALID_STATE ");
}

async fn whoever_is_switched_off_is_signed_out(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    let (user, session) = user(&world, &tree).await;
    let by = actor(&tree.distributor, Permission::Admin);
    let signed_in = world.app.authenticate(session.access_token.expose()).await.unwrap().unwrap();
    let change = |status, permission| UpdateUser { user_id: user.id, status, permission, ..UpdateUser::default() };
    world.app.update_user(&by, change(None, Some(Permission::Read))).await.unwrap().unwrap();
    assert!(!world.app.still_signed_in(&signed_in).await.unwrap(), "a socket of a writer is none of a reader");
    assert_eq!(who(&world, &session).await.unwrap().permission, Permission::Read, "a request is judged by the row");
    world.app.update_user(&by, change(Some(ActiveStatus::Inactive), None)).await.unwrap().unwrap();
    assert_eq!(who(&world, &session).await, None);
    world.app.update_user(&by, change(Some(ActiveStatus::Active), None)).await.unwrap().unwrap();
    assert_eq!(who(&world, &session).await, None, "the session has ended for good");
    let session = sign_in(&world, "erika@example.com", PASSWORD, "192.0.2.1").await.unwrap();
    assert_eq!(world.app.remove_user(&by, user.id).await.unwrap().unwrap(), user.id);
    assert_eq!(who(&world, &session).await, None);
    assert_eq!(refused(world.app.refresh_session(&session.refresh_token).await.unwrap()), "SIGN_IN_FAILED ");
}

async fn failures_are_slowed_per_account_and_per_address(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    user(&world, &tree).await;
    // The same for an address that somebody has and for one that nobody has.
    for email in ["erika@example.com", "nobody@example.com"] {
        for number in 0..5 {
            let address = format!("2001:db8:{number}::1");
            assert_eq!(sign_in(&world, email, "wrong", &address).await.unwrap_err(), "SIGN_IN_FAILED", "{number}");
        }
        assert_eq!(sign_in(&world, email, PASSWORD, "192.0.2.9").await.unwrap_err(), "1 s");
        world.advance(TimeDelta::seconds(1));
        assert_eq!(sign_in(&world, email, "wrong", "192.0.2.9").await.unwrap_err(), "SIGN_IN_FAILED");
        assert_eq!(sign_in(&world, email, "wrong", "192.0.2.9").await.unwrap_err(), "2 s");
    }
    world.advance(TimeDelta::seconds(2));
    sign_in(&world, "erika@example.com", PASSWORD, "192.0.2.9").await.unwrap();
    assert_eq!(
        sign_in(&world, "erika@example.com", "wrong", "192.0.2.9").await.unwrap_err(),
        "SIGN_IN_FAILED",
        "all is forgiven"
    );

    // Many accounts from one network.
    for number in 0..20 {
        let (email, address) = (format!("u{number}@example.com"), format!("2001:db8:77::{number}"));
        assert_eq!(sign_in(&world, &email, "wrong", &address).await.unwrap_err(), "SIGN_IN_FAILED", "{number}");
    }
    assert_eq!(sign_in(&world, "erika@example.com", PASSWORD, "2001:db8:77::abcd").await.unwrap_err(), "1 s");
    sign_in(&world, "erika@example.com", PASSWORD, "2001:db8:78::1").await.unwrap();
    world.advance(TimeDelta::hours(24));
    sign_in(&world, "erika@example.com", PASSWORD, "2001:db8:77::abcd").await.unwrap();
}

async fn attempts_side_by_side_count_too(kind: Kind) {
    let world = World::new(kind).await;
    let tree = world.tree().await;
    user(&world, &tree).await;
    let guesses = (0..12).map(|_| sign_in(&world, "erika@example.com", "wrong", "192.0.2.1"));
    let ends = futures_util::future::join_all(guesses).await;
    let judged = ends.iter().filter(|end| matches!(end, Err(code) if code == "SIGN_IN_FAILED")).count();
    assert_eq!(judged, 5, "{ends:?}");
}
