//! An OpenID Connect issuer over HTTPS that publishes the keys it is told to, and signs what it is told to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use coppice::connector::ClientSettings;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, jwk::Jwk};
use rcgen::KeyPair;
use serde_json::{Value, json};
use url::Url;

use crate::connector::scripted::{Say, Scripted};

/// Known to everybody who has the tests, and good for nothing else.
const RSA: &[u8] = include_bytes!("issuer_rsa.pem");

/// A key that the issuer may publish and sign with.
pub struct IssuerKey {
    pub kid: &'static str,
    pub algorithm: Algorithm,
    encoding: EncodingKey,
    pub public: Value,
}

impl IssuerKey {
    /// The key that most issuers have; published without its algorithm, as some of them do.
    pub fn rsa(kid: &'static str) -> Self {
        let encoding = EncodingKey::from_rsa_pem(RSA).unwrap();
        let mut public = serde_json::to_value(Jwk::from_encoding_key(&encoding, Algorithm::RS256).unwrap()).unwrap();
        public.as_object_mut().unwrap().remove("alg");
        (public["kid"], public["use"]) = (json!(kid), json!("sig"));
        Self { kid, algorithm: Algorithm::RS256, encoding, public }
    }

    pub fn elliptic(kid: &'static str) -> Self {
        let key = KeyPair::generate().unwrap();
        let point = key.public_key_raw();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let public = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": kid, "x": part(&point[1..33]), "y": part(&point[33..65]),
        });
        let encoding = EncodingKey::from_ec_der(&key.serialize_der());
        Self { kid, algorithm: Algorithm::ES256, encoding, public }
    }

    pub fn header(&self) -> Header {
        Header { kid: Some(self.kid.to_owned()), ..Header::new(self.algorithm) }
    }

    pub fn sign(&self, payload: &Value) -> String {
        self.sign_as(&self.header(), payload)
    }

    pub fn sign_as(&self, header: &Header, payload: &Value) -> String {
        jsonwebtoken::encode(header, payload, &self.encoding).unwrap()
    }

    /// What a careless library would take for a shared secret.
    pub fn public_bytes(&self) -> Vec<Vec<u8>> {
        let jwk: Jwk = serde_json::from_value(self.public.clone()).unwrap();
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let mut texts = vec![Vec::new(), self.public.to_string().into_bytes()];
        texts.extend(key.try_get_as_bytes().map(<[u8]>::to_vec));
        texts.extend(self.public["n"].as_str().map(|text| text.as_bytes().to_vec()));
        texts
    }
}

#[derive(Default)]
struct Script {
    origin: Mutex<String>,
    /// What it calls itself, if not by its address.
    name: Mutex<Option<String>>,
    keys: Mutex<Vec<Value>>,
    away: AtomicBool,
}

pub struct TestIssuer {
    server: Scripted,
    script: Arc<Script>,
}

impl TestIssuer {
    pub async fn start(keys: &[&IssuerKey]) -> Self {
        let script = Arc::new(Script::default());
        let says = Arc::clone(&script);
        let server = Scripted::start(move |request, _| {
            let origin = says.origin.lock().unwrap().clone();
            if says.away.load(Ordering::SeqCst) {
                return Say::status(503, "");
            }
            match request.line.as_str() {
                "GET /.well-known/openid-configuration" => {
                    let name = says.name.lock().unwrap().clone().unwrap_or_else(|| origin.clone());
                    Say::json(json!({ "issuer": name, "jwks_uri": format!("{origin}/keys?tenant=1") }).to_string())
                }
                "GET /keys?tenant=1" => Say::json(json!({ "keys": *says.keys.lock().unwrap() }).to_string()),
                _ => Say::status(404, ""),
            }
        })
        .await;
        *script.origin.lock().unwrap() = server.url();
        let issuer = Self { server, script };
        issuer.publish(keys);
        issuer
    }

    pub fn publish(&self, keys: &[&IssuerKey]) {
        *self.script.keys.lock().unwrap() = keys.iter().map(|key| key.public.clone()).collect();
    }

    /// Whether it answers with an error only.
    pub fn set_away(&self, away: bool) {
        self.script.away.store(away, Ordering::SeqCst);
    }

    /// What its discovery document calls it from now on.
    pub fn call_itself(&self, name: &str) {
        *self.script.name.lock().unwrap() = Some(name.to_owned());
    }

    /// Its address, and its `iss`.
    pub fn url(&self) -> Url {
        self.server.url().parse().unwrap()
    }

    pub fn name(&self) -> String {
        self.server.url()
    }

    /// How often it was asked for its discovery document.
    pub fn asked(&self) -> usize {
        self.server.lines().iter().filter(|line| line.ends_with("/openid-configuration")).count()
    }

    /// A client that may call it.
    pub fn client(&self) -> ClientSettings {
        ClientSettings {
            extra_ca: Some(self.server.ca_file()),
            allow_cidrs: vec!["127.0.0.0/8".parse().unwrap()],
            ..ClientSettings::default()
        }
    }
}
