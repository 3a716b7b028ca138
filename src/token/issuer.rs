//! Tokens of an OpenID Connect issuer, and the keys that it publishes.
//!
//! - A key checks with one asymmetric algorithm: the one that it names, else the one that its kind is used with. What a token's `alg` wishes
//!   decides nothing, and a shared secret among the keys is passed over.
//! - Who the bearer is here is the e-mail address, and only one that the issuer vouches for.

use std::{collections::HashMap, fmt};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;

use super::{Audience, TokenError, in_time, refusal, signature_only};
use crate::clock::Instant;

/// The longest token that is looked at, in bytes: some issuers put a person's groups in.
const LONGEST: usize = 16 * 1024;
/// Keys of one issuer that are kept; they have a handful.
const MOST_KEYS: usize = 64;
/// Bytes of the shortest RSA modulus that is trusted (RFC 7518, 2048 bits), in base64.
const SHORTEST_MODULUS: usize = 342;

/// The public keys of an issuer.
pub struct IssuerKeys {
    issuer: String,
    keys: HashMap<String, (DecodingKey, Algorithm)>,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuerKeys").field("issuer", &self.issuer).field("kids", &self.keys.keys()).finish()
    }
}

/// A token of an issuer that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduced {
    /// The bearer's e-mail address, which the issuer vouches for.
    pub email: String,
    /// When the token's time is over.
    pub expires_at: Instant,
}

/// What a token says of itself before it is checked: good for choosing whom to ask, and for nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The issuer it names.
    pub issuer: String,
    /// The key it names.
    pub kid: String,
}

#[derive(Deserialize)]
struct OnlyIssuer {
    iss: String,
}

#[derive(Deserialize)]
struct Received {
    iss: Option<String>,
    aud: Option<Audience>,
    exp: Option<i64>,
    nbf: Option<i64>,
    sub: Option<String>,
    email: Option<String>,
    email_verified: Option<bool>,
}

/// The issuer and the key that a token names; `None` when it is no JWT that names both.
pub fn claimed_issuer(token: &str) -> Option<Claimed> {
    if token.len() > LONGEST {
        return None;
    }
    let kid = jsonwebtoken::decode_header(token).ok()?.kid?;
    let issuer = jsonwebtoken::dangerous::insecure_decode_claims::<OnlyIssuer>(token).ok()?.iss;
    Some(Claimed { issuer, kid })
}

impl IssuerKeys {
    /// Those of a JSON Web Key Set that can check signatures; `None` when it is no such set. `issuer` is the `iss` of the tokens.
    pub fn read(issuer: impl Into<String>, set: &serde_json::Value) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?.iter().take(MOST_KEYS);
        // A key of a kind that is not known yet must not make the others useless.
        let keys = keys.filter_map(|key| Jwk::deserialize(key).ok()).filter_map(|jwk| {
            let key = DecodingKey::from_jwk(&jwk).ok()?;
            let algorithm = algorithm(&jwk)?;
            Some((jwk.common.key_id?, (key, algorithm)))
        });
        Some(Self { issuer: issuer.into(), keys: keys.collect() })
    }

    /// Whether there is a key of this name.
    pub fn has(&self, kid: &str) -> bool {
        self.keys.contains_key(kid)
    }

    /// Checks a token for `audience` at `now`.
    pub fn verify(&self, token: &str, audience: &str, now: Instant) -> Result<Introduced, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(refusal)?;
        let typ = header.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !matches!(typ.as_str(), "jwt" | "at+jwt" | "application/at+jwt") || header.crit.is_some() {
            return Err(TokenError::Type);
        }
        let kid = header.kid.ok_or(TokenError::UnknownKey)?;
        let (key, algorithm) = self.keys.get(&kid).ok_or(TokenError::UnknownKey)?;
        let received = jsonwebtoken::decode::<Received>(token, key, &signature_only(*algorithm)).map_err(refusal)?.claims;
        if received.iss.as_deref() != Some(&self.issuer) {
            return Err(TokenError::Claim("iss"));
        }
        if !received.aud.is_some_and(|named| named.names(audience)) {
            return Err(TokenError::Claim("aud"));
        }
        let expires_at = in_time(received.exp, received.nbf, now)?;
        if received.sub.is_none_or(|sub| sub.is_empty()) {
            return Err(TokenError::Claim("sub"));
        }
        if received.email_verified != Some(true) {
            return Err(TokenError::Claim("email_verified"));
        }
        let email = received.email.map(|email| email.trim().to_lowercase()).filter(|email| !email.is_empty());
        Ok(Introduced { email: email.ok_or(TokenError::Claim("email"))?, expires_at })
    }
}

/// The one algorithm that a key checks with; `None` when it is not for checking signatures.
fn algorithm(jwk: &Jwk) -> Option<Algorithm> {
    let signs = match (&jwk.common.public_key_use, &jwk.common.key_operations) {
        (Some(usage), _) => *usage == PublicKeyUse::Signature,
        (None, Some(operations)) => operations.contains(&KeyOperations::Verify),
        (None, None) => true,
    };
    if !signs {
        return None;
    }
    let named = match jwk.common.key_algorithm {
        Some(named) => Some(Algorithm::try_from(named).ok()?),
        None => None,
    };
    let (usual, possible): (_, &[Algorithm]) = match &jwk.algorithm {
        AlgorithmParameters::RSA(key) if key.n.len() >= SHORTEST_MODULUS => (
            Algorithm::RS256,
            &[Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512],
        ),
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => (Algorithm::ES256, &[Algorithm::ES256]),
            EllipticCurve::P384 => (Algorithm::ES384, &[Algorithm::ES384]),
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, &[Algorithm::EdDSA])
        }
        _ => return None,
    };
    let algorithm = named.unwrap_or(usual);
    possible.contains(&algorithm).then_some(algorithm)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{id::IdSource, token::TokenKey};

    fn public() -> Value {
        let key = TokenKey::generate(&IdSource::seeded(1)).unwrap();
        let mut jwk = crate::token::TokenKeys::new(vec![key], "i", "a").unwrap().jwks()["keys"][0].take();
        jwk["kid"] = json!("one");
        jwk
    }

    fn kept(key: &Value) -> bool {
        IssuerKeys::read("i", &json!({ "keys": [key] })).unwrap().has("one")
    }

    #[test]
    fn keys_that_cannot_check_a_signature_with_one_asymmetric_algorithm_are_passed_over() {
        let with = |name: &str, value: Value| {
            let mut key = public();
            key[name] = value;
            key
        };
        assert!(kept(&public()));
        for (name, wrong) in [
            ("alg", json!("HS256")),
            ("alg", json!("RS256")),
            ("alg", json!("none")),
            ("use", json!("enc")),
            ("kid", Value::Null),
            ("crv", json!("X25519")),
            ("kty", json!("new")),
        ] {
            assert!(!kept(&with(name, wrong.clone())), "{name}: {wrong}");
        }
        let secret = json!({ "kty": "oct", "kid": "one", "k": "c2VjcmV0", "alg": "HS256" });
        assert!(!kept(&secret) && !kept(&json!({ "kty": "oct", "kid": "one", "k": "c2VjcmV0" })));
        assert!(!kept(&json!({ "kty": "RSA", "kid": "one", "n": "AQAB".repeat(40), "e": "AQAB" })), "a short key");
        assert!(kept(&json!({ "kty": "RSA", "kid": "one", "n": "AQAB".repeat(86), "e": "AQAB" })), "RS256 goes without saying");
        let both = IssuerKeys::read("i", &json!({ "keys": [{ "kty": "new" }, 7, secret, public()] })).unwrap();
        assert!(both.has("one"), "one that is not understood spoils nothing");
        assert!(IssuerKeys::read("i", &json!({ "keys": {} })).is_none() && IssuerKeys::read("i", &json!([])).is_none());
    }
}
