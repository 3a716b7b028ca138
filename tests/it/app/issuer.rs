//! Which tokens of an OpenID Connect issuer are accepted, and when the issuer is asked.

use std::sync::Arc;

use chrono::TimeDelta;
use coppice::{
    app::{App, AppParts, AppSettings, ConnectorCache, Hub, IssuerSettings, input::OperatorUser},
    clock::Clock as _,
    connector::Client,
    domain::account::{Permission, Who},
    id::{Kind as IdKind, PublicId, Uuid},
    token::{Claims, TokenKey},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::{
    issuer::{IssuerKey, TestIssuer},
    world::{Kind, World, on_both},
};

on_both!(
    its_tokens_sign_in_users_who_are_here,
    what_it_did_not_sign_for_us_is_refused,
    its_keys_are_kept_and_asked_for_when_they_change,
    it_may_fail_without_harm_to_others,
);

/// A world with a user, whose use cases accept the issuer's tokens.
struct Rig {
    world: World,
    app: App,
    user: Uuid,
    payload: Value,
}

impl Rig {
    async fn new(kind: Kind, issuer: &TestIssuer) -> Self {
        let world = World::new(kind).await;
        let tree = world.tree().await;
        let input = OperatorUser {
            account_id: tree.partner.id,
            name: "Ada".into(),
            email: "ada@example.com".into(),
            permission: Permission::Write,
        };
        let (user, _) = world.app.operator_create_user(input).await.unwrap().unwrap();
        let client = Client::new(issuer.client(), Arc::clone(&world.clock) as _, Arc::clone(&world.ids)).unwrap();
        let app = App::new(AppParts {
            store: world.store.clone(),
            clock: Arc::clone(&world.clock) as _,
            ids: Arc::clone(&world.ids),
            connectors: Arc::new(ConnectorCache::new(client, Arc::clone(&world.keys))),
            tokens: Some(Arc::clone(&world.tokens)),
            queue: Arc::clone(&world.jobs) as _,
            hub: Hub::default(),
            settings: AppSettings::default(),
        });
        let app = app.with_issuer(IssuerSettings { url: issuer.url(), audience: "client-7".into() });
        let now = world.clock.now().timestamp();
        let payload = json!({
            "iss": issuer.name(), "aud": "client-7", "sub": "00u1", "iat": now, "nbf": now, "exp": now + 172_800,
            "email": "Ada@Example.com", "email_verified": true,
        });
        Self { world, app, user: user.id, payload }
    }

    async fn accepts(&self, token: &str) -> bool {
        self.app.authenticate(token).await.unwrap().is_some()
    }

    /// The payload with one claim replaced or, by null, removed.
    fn with(&self, name: &str, value: Value) -> Value {
        let mut payload = self.payload.clone();
        let fields = payload.as_object_mut().unwrap();
        fields.insert(name.to_owned(), value);
        fields.retain(|_, value| !value.is_null());
        payload
    }
}

async fn its_tokens_sign_in_users_who_are_here(kind: Kind) {
    let (rsa, elliptic) = (IssuerKey::rsa("rsa"), IssuerKey::elliptic("elliptic"));
    let issuer = TestIssuer::start(&[&rsa, &elliptic]).await;
    let rig = Rig::new(kind, &issuer).await;
    for key in [&rsa, &elliptic] {
        let found = rig.app.authenticate(&key.sign(&rig.payload)).await.unwrap().unwrap();
        assert_eq!((found.actor.who, found.actor.permission, found.session), (Who::User(rig.user), Permission::Write, None));
        assert_eq!(found.expires_at, Some(rig.world.clock.now() + TimeDelta::days(2)), "a socket ends with it");
        assert!(rig.app.still_signed_in(&found).await.unwrap());
    }
    let many = rig.with("aud", json!(["another", "client-7"]));
    assert!(rig.accepts(&rsa.sign(&many)).await);
    assert!(rig.accepts(&rsa.sign_as(&Header { typ: Some("at+jwt".into()), ..rsa.header() }, &rig.payload)).await);

    // What the bearer may do is said by the row.
    let boastful = rig.with("permission", json!("ADMIN"));
    assert_eq!(rig.app.authenticate(&rsa.sign(&boastful)).await.unwrap().unwrap().actor.permission, Permission::Write);
    let signed_in = rig.app.authenticate(&rsa.sign(&rig.payload)).await.unwrap().unwrap();
    rig.world.database.sql("UPDATE user_account SET status = 'INACTIVE'").await.unwrap();
    assert!(!rig.accepts(&rsa.sign(&rig.payload)).await);
    assert!(!rig.app.still_signed_in(&signed_in).await.unwrap());
}

async fn what_it_did_not_sign_for_us_is_refused(kind: Kind) {
    let (rsa, elliptic) = (IssuerKey::rsa("rsa"), IssuerKey::elliptic("elliptic"));
    let mut secret = IssuerKey::elliptic("secret");
    secret.public = json!({ "kty": "oct", "kid": "secret", "k": "c2VjcmV0", "alg": "HS256" });
    let issuer = TestIssuer::start(&[&rsa, &elliptic, &secret]).await;
    let rig = Rig::new(kind, &issuer).await;
    assert!(rig.accepts(&rsa.sign(&rig.payload)).await);
    let now = rig.world.clock.now().timestamp();
    for (name, wrong) in [
        ("iss", json!("https://login.example.com")),
        ("iss", json!(format!("{}/", issuer.name()))),
        ("iss", Value::Null),
        ("aud", json!("another")),
        ("aud", json!(["another", "coppice"])),
        ("aud", Value::Null),
        ("exp", json!(now - 30)),
        ("exp", Value::Null),
        ("exp", json!("tomorrow")),
        ("nbf", json!(now + 31)),
        ("nbf", json!("now")),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("email", Value::Null),
        ("email", json!("")),
        ("email", json!("nobody@example.com")),
        ("email_verified", json!(false)),
        ("email_verified", json!("false")),
        ("email_verified", Value::Null),
    ] {
        assert!(!rig.accepts(&rsa.sign(&rig.with(name, wrong.clone()))).await, "{name}: {wrong}");
    }

    // Another key, another kind, another algorithm.
    let stranger = IssuerKey::elliptic("elliptic");
    assert!(!rig.accepts(&stranger.sign(&rig.payload)).await, "a stranger's signature under the key's name");
    assert!(!rig.accepts(&rsa.sign_as(&Header { kid: None, ..rsa.header() }, &rig.payload)).await, "no kid");
    assert!(!rig.accepts(&rsa.sign_as(&Header { kid: Some("elliptic".into()), ..rsa.header() }, &rig.payload)).await);
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let header = Header { alg: algorithm, ..rsa.header() };
        assert!(!rig.accepts(&rsa.sign_as(&header, &rig.payload)).await, "{algorithm:?}, and the key is for RS256");
    }
    for typ in ["coppice-certificate+jwt", "logout+jwt"] {
        let header = Header { typ: Some(typ.into()), ..rsa.header() };
        assert!(!rig.accepts(&rsa.sign_as(&header, &rig.payload)).await, "{typ}");
    }
    let with_secret = |kid: &str, secret: &[u8]| {
        let header = Header { kid: Some(kid.into()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &rig.payload, &EncodingKey::from_secret(secret)).unwrap()
    };
    for key in [&rsa, &elliptic] {
        for public in key.public_bytes() {
            assert!(!rig.accepts(&with_secret(key.kid, &public)).await, "the public key as a shared secret");
        }
    }
    assert!(!rig.accepts(&with_secret("secret", b"secret")).await, "a shared secret among the keys");
    let good = rsa.sign(&rig.payload);
    let parts: Vec<&str> = good.split('.').collect();
    // {"alg":"none","kid":"rsa"}
    let none = "eyJhbGciOiJub25lIiwia2lkIjoicnNhIn0";
    for text in
        [format!("{none}.{}.", parts[1]), format!("{none}.{}.{}", parts[1], parts[2]), format!("{}.{}.", parts[0], parts[1])]
    {
        assert!(!rig.accepts(&text).await, "{text}");
    }

    // The issuer has no say in tokens of ours.
    let claims = |sub: String| json!({ "iss": "coppice", "aud": "coppice", "sub": sub, "exp": now + 900, "account": "acc_1", "permission": "ADMIN" });
    let sub = PublicId::new(IdKind::User, rig.user).to_string();
    assert!(!rig.accepts(&rsa.sign_as(&Header { typ: Some("at+jwt".into()), ..rsa.header() }, &claims(sub))).await);
}

async fn its_keys_are_kept_and_asked_for_when_they_change(kind: Kind) {
    let (first, second, third) = (IssuerKey::rsa("first"), IssuerKey::elliptic("second"), IssuerKey::elliptic("third"));
    let issuer = TestIssuer::start(&[&first]).await;
    let rig = Rig::new(kind, &issuer).await;
    assert_eq!(issuer.asked(), 0, "nobody needed it yet");
    for _ in 0..3 {
        assert!(rig.accepts(&first.sign(&rig.payload)).await);
    }
    assert_eq!(issuer.asked(), 1);

    // A new key: after a pause, since anybody can make up a name of a key.
    issuer.publish(&[&first, &second]);
    for _ in 0..3 {
        assert!(!rig.accepts(&second.sign(&rig.payload)).await);
    }
    assert_eq!(issuer.asked(), 1);
    rig.world.advance(TimeDelta::seconds(30));
    assert!(rig.accepts(&second.sign(&rig.payload)).await);
    assert!(rig.accepts(&first.sign(&rig.payload)).await, "the one before is still there");
    assert_eq!(issuer.asked(), 2);
    rig.world.advance(TimeDelta::minutes(1));
    let made_up = third.sign(&rig.payload);
    for _ in 0..3 {
        assert!(!rig.accepts(&made_up).await);
    }
    let (one, other) = tokio::join!(rig.accepts(&made_up), rig.accepts(&made_up));
    assert!(!one && !other);
    assert_eq!(issuer.asked(), 3, "once in the pause");

    // A key that was withdrawn: within the hour.
    issuer.publish(&[&second]);
    rig.world.advance(TimeDelta::hours(1));
    assert!(!rig.accepts(&first.sign(&rig.payload)).await);
    assert!(rig.accepts(&second.sign(&rig.payload)).await);
    assert_eq!(issuer.asked(), 4);
}

async fn it_may_fail_without_harm_to_others(kind: Kind) {
    let key = IssuerKey::rsa("key");
    let issuer = TestIssuer::start(&[&key]).await;
    let rig = Rig::new(kind, &issuer).await;
    let claims = Claims {
        sub: PublicId::new(IdKind::User, rig.user).to_string(),
        account: "acc_1".into(),
        permission: "WRITE".into(),
        session: None,
    };
    let ours = || rig.world.tokens.issue(&claims, std::time::Duration::from_hours(1), rig.world.clock.now()).unwrap();
    issuer.set_away(true);
    assert!(!rig.accepts(&key.sign(&rig.payload)).await);
    assert!(rig.accepts(&ours()).await);
    let foreign = TokenKey::from_seed(&[9; 32]).unwrap();
    let header = Header { typ: Some("at+jwt".into()), kid: Some(foreign.kid().into()), ..Header::new(Algorithm::EdDSA) };
    let token = jsonwebtoken::encode(&header, &rig.with("iss", json!("coppice")), &EncodingKey::from_ed_der(foreign.pkcs8()));
    assert!(!rig.accepts(&token.unwrap()).await);
    assert_eq!(issuer.asked(), 1, "tokens that do not name it are no reason to ask it");

    issuer.set_away(false);
    assert!(!rig.accepts(&key.sign(&rig.payload)).await, "not asked again at once");
    rig.world.advance(TimeDelta::seconds(30));
    assert!(rig.accepts(&key.sign(&rig.payload)).await);
    issuer.set_away(true);
    rig.world.advance(TimeDelta::hours(23));
    assert!(rig.accepts(&key.sign(&rig.payload)).await, "the keys that were read last go on working");
    rig.world.advance(TimeDelta::hours(1));
    assert!(!rig.accepts(&key.sign(&rig.payload)).await, "for a day");
    assert!(rig.accepts(&ours()).await);

    // Whoever answers at its address must be who was asked for.
    issuer.set_away(false);
    issuer.call_itself("https://login.example.com");
    rig.world.advance(TimeDelta::minutes(1));
    assert!(!rig.accepts(&key.sign(&rig.payload)).await);
    assert!(!rig.accepts(&key.sign(&rig.with("iss", json!("https://login.example.com")))).await);
}
