//! Which access tokens are accepted: each of these is what a thief, a bug or another system could send.

use std::{sync::Arc, time::Duration};

use chrono::TimeDelta;
use coppice::{
    app::input::{OperatorApiKey, OperatorUser},
    clock::Clock as _,
    domain::account::{Actor, Permission, Who},
    id::{Kind as IdKind, PublicId, Uuid},
    token::{CertificateKey, Claims, TokenKey},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::world::{Kind, World, on_both};

on_both!(accepts_what_it_signed_and_nothing_else, asks_the_row_and_not_the_token);

/// The keys that a world of tests signs with, from the same seed.
fn signing_key(world: &World) -> TokenKey {
    TokenKey::from_pkcs8(&world.signing_pkcs8).unwrap()
}

async fn user(world: &World) -> (Uuid, Value) {
    let tree = world.tree().await;
    let input = OperatorUser {
        account_id: tree.partner.id,
        name: "Ada".into(),
        email: "ada@example.com".into(),
        permission: Permission::Write,
    };
    let (user, _) = world.app.operator_create_user(input).await.unwrap().unwrap();
    let now = world.clock.now().timestamp();
    let payload = json!({
        "iss": "coppice", "aud": "coppice", "sub": PublicId::new(IdKind::User, user.id).to_string(), "nbf": now, "exp": now + 900,
        "account": PublicId::new(IdKind::Account, user.account_id).to_string(), "permission": "WRITE",
    });
    (user.id, payload)
}

fn header(key: &TokenKey) -> Header {
    Header { typ: Some("at+jwt".into()), kid: Some(key.kid().into()), ..Header::new(Algorithm::EdDSA) }
}

fn signed(header: &Header, payload: &Value, key: &TokenKey) -> String {
    jsonwebtoken::encode(header, payload, &EncodingKey::from_ed_der(key.pkcs8())).unwrap()
}

/// The payload with one claim replaced or, by null, removed.
fn with(payload: &Value, name: &str, value: Value) -> Value {
    let mut payload = payload.clone();
    let fields = payload.as_object_mut().unwrap();
    fields.insert(name.to_owned(), value);
    fields.retain(|_, value| !value.is_null());
    payload
}

async fn accepts_what_it_signed_and_nothing_else(kind: Kind) {
    let world = World::new(kind).await;
    let (id, payload) = user(&world).await;
    let (key, foreign) = (signing_key(&world), TokenKey::from_seed(&[9; 32]).unwrap());
    let accepted = async |token: String| world.app.authenticate(&token).await.unwrap();
    let good = accepted(signed(&header(&key), &payload, &key)).await.unwrap();
    assert_eq!((good.actor.who, good.actor.permission, good.session), (Who::User(id), Permission::Write, None));
    assert_eq!(good.expires_at, Some(world.clock.now() + TimeDelta::minutes(15)), "a socket ends with it");

    let now = world.clock.now().timestamp();
    let many = json!(["another", "coppice"]);
    assert!(accepted(signed(&header(&key), &with(&payload, "aud", many), &key)).await.is_some());
    for (name, wrong) in [
        ("iss", json!("them")),
        ("iss", Value::Null),
        ("aud", json!("another")),
        ("aud", Value::Null),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("ada@example.com")),
        ("sub", payload["account"].clone()),
        ("sub", json!("usr_01h455vb4pex5vsknk084sn02q")),
        ("exp", Value::Null),
        ("exp", json!(now - 30)),
        ("exp", json!("tomorrow")),
        ("nbf", json!(now + 31)),
        ("nbf", json!("now")),
        ("sid", json!("not a session")),
        ("sid", json!(Uuid::from_u128(7).simple().to_string())),
    ] {
        let token = signed(&header(&key), &with(&payload, name, wrong.clone()), &key);
        assert!(accepted(token).await.is_none(), "{name}: {wrong}");
    }

    // Another key, another name, another kind, another algorithm.
    assert!(accepted(signed(&header(&key), &payload, &foreign)).await.is_none(), "a stranger's signature under our key's name");
    assert!(accepted(signed(&header(&foreign), &payload, &foreign)).await.is_none(), "an unknown kid");
    assert!(accepted(signed(&Header { kid: None, ..header(&key) }, &payload, &key)).await.is_none(), "no kid");
    for typ in [None, Some("JWT"), Some("coppice-certificate+jwt")] {
        assert!(
            accepted(signed(&Header { typ: typ.map(Into::into), ..header(&key) }, &payload, &key)).await.is_none(),
            "{typ:?}"
        );
    }
    let certificate = CertificateKey::new(signing_key(&world)).sign(&payload).unwrap();
    assert!(accepted(certificate).await.is_none(), "a certificate");
    let public = world.tokens.jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    for secret in [public.as_bytes(), b"" as &[u8]] {
        let header = Header { alg: Algorithm::HS256, ..header(&key) };
        let forged = jsonwebtoken::encode(&header, &payload, &EncodingKey::from_secret(secret)).unwrap();
        assert!(accepted(forged).await.is_none(), "the public key as a shared secret");
    }
    let good = signed(&header(&key), &payload, &key);
    let parts: Vec<&str> = good.split('.').collect();
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    for text in [
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{good}."),
        format!(" {good}"),
        ".".into(),
    ] {
        assert!(accepted(text.clone()).await.is_none(), "{text}");
    }

    world.advance(TimeDelta::minutes(15) + TimeDelta::seconds(30));
    assert!(accepted(good).await.is_none(), "it is over, leeway included");
}

async fn asks_the_row_and_not_the_token(kind: Kind) {
    let world = World::new(kind).await;
    let (id, payload) = user(&world).await;
    let key = signing_key(&world);
    let boastful = signed(&header(&key), &with(&payload, "permission", json!("ADMIN")), &key);
    let found = world.app.authenticate(&boastful).await.unwrap().unwrap();
    assert_eq!(found.actor.permission, Permission::Write);
    world.database.sql("UPDATE user_account SET status = 'INACTIVE'").await.unwrap();
    assert!(world.app.authenticate(&boastful).await.unwrap().is_none());

    // Tokens of keys are judged by the key.
    let tokens = Arc::clone(&world.tokens);
    let account = world.account("Other", coppice::domain::account::AccountRole::Partner, None).await;
    let input =
        OperatorApiKey { account_id: account.id, name: "k".into(), permission: Permission::Read, expires_in_days: Some(1) };
    let (made, _) = world.app.operator_create_api_key(input).await.unwrap().unwrap();
    let claims = Claims {
        sub: PublicId::new(IdKind::ApiKey, made.id).to_string(),
        account: PublicId::new(IdKind::Account, id).to_string(),
        permission: "ADMIN".into(),
        session: None,
    };
    let token = tokens.issue(&claims, Duration::from_hours(72), world.clock.now()).unwrap();
    let expected = Actor { who: Who::ApiKey(made.id), account_id: account.id, permission: Permission::Read };
    assert_eq!(world.app.authenticate(&token).await.unwrap().map(|found| found.actor), Some(expected));
    world.advance(TimeDelta::days(1));
    assert!(world.app.authenticate(&token).await.unwrap().is_none(), "the key has ended");
}
