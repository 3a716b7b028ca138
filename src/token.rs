//! Access tokens: JWTs that this installation signs with Ed25519 (`EdDSA`), and their published keys; tokens of other issuers are in `issuer`.
//!
//! - A key signs with one algorithm, and a token is checked by the key that its `kid` names, never by what its `alg` wishes.
//! - `typ` is pinned, so that nothing else that is signed (a certificate) passes as an access token.
//! - Time is an argument: the crate's own checks read the machine's clock and are off.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    clock::{Instant, from_millis},
    id::IdSource,
};

mod certificate;
mod issuer;

pub use certificate::{CERTIFICATE_TYPE, CertificateKey, certificate_jwks};
pub use issuer::{Claimed, Introduced, IssuerKeys, claimed_issuer};

/// The `typ` of an access token (RFC 9068).
const TYPE: &str = "at+jwt";
/// How far the clocks of two nodes may be apart.
const LEEWAY: TimeDelta = TimeDelta::seconds(10);
/// The longest token that is looked at, in bytes; ours are under 1,000.
const LONGEST: usize = 4096;

/// Why a token is not accepted, or none could be made. For the log; a client only hears that it is not signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The key is not an Ed25519 private key in PKCS #8.
    #[error("the signing key is not an Ed25519 key in PKCS #8")]
    Key,
    /// There is no key to sign with.
    #[error("there is no signing key")]
    NoKey,
    /// Signing failed.
    #[error("the token could not be signed")]
    Sign,
    /// It is not a JWT, or a claim has the wrong form.
    #[error("the token is not a JWT of the expected form")]
    Malformed,
    /// Its `typ` is not that of an access token, or it has critical extensions.
    #[error("the token is not an access token")]
    Type,
    /// Its `kid` names no key of ours.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// Its `alg` is not its key's.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// Its signature is not its key's.
    #[error("the token's signature is wrong")]
    Signature,
    /// `iss`, `aud`, `exp` or `sub` is missing, or `iss` or `aud` is somebody else's.
    #[error("the token's `{0}` is missing or not ours")]
    Claim(&'static str),
    /// Its time is over.
    #[error("the token is expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not yet valid")]
    Early,
}

/// What a token says about its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The public id of the user (`usr_`) or API key (`key_`).
    pub sub: String,
    /// The public id of the account whose subtree the bearer sees (`acc_`).
    pub account: String,
    /// The bearer's level: `READ`, `WRITE` or `ADMIN`.
    pub permission: String,
    /// The session that the token is of and ends with; `None` for a token that the operator's command line made.
    #[serde(rename = "sid", default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// A token that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub claims: Claims,
    /// When its time is over; a socket that was opened with it ends then.
    pub expires_at: Instant,
}

/// A key that signs tokens.
pub struct TokenKey {
    kid: String,
    pkcs8: Zeroizing<Vec<u8>>,
    public: [u8; 32],
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl TokenKey {
    /// A new key.
    pub fn generate(ids: &IdSource) -> Result<Self, TokenError> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        ids.fill(seed.as_mut());
        Self::from_seed(&seed)
    }

    /// The key that 32 secret random bytes give.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, TokenError> {
        Self::new(&SigningKey::from_bytes(seed))
    }

    /// The key that [`TokenKey::pkcs8`] gave.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, TokenError> {
        Self::new(&SigningKey::from_pkcs8_der(der).map_err(|_| TokenError::Key)?)
    }

    fn new(key: &SigningKey) -> Result<Self, TokenError> {
        let pkcs8 = Zeroizing::new(key.to_pkcs8_der().map_err(|_| TokenError::Key)?.as_bytes().to_vec());
        let public = key.verifying_key().to_bytes();
        // The thumbprint of RFC 7638, over exactly these members in this order.
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(public));
        Ok(Self {
            kid: URL_SAFE_NO_PAD.encode(Sha256::digest(jwk)),
            encoding: EncodingKey::from_ed_der(&pkcs8),
            decoding: DecodingKey::from_ed_der(&public),
            pkcs8,
            public,
        })
    }

    /// The key's name in tokens: the RFC 7638 thumbprint of its public half.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key, to be sealed and stored.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }
}

/// The keys of one installation, with its name and its audience.
#[derive(Debug)]
pub struct TokenKeys {
    keys: Vec<TokenKey>,
    issuer: String,
    audience: String,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(flatten)]
    claims: &'a Claims,
}

#[derive(Deserialize)]
struct Received {
    iss: Option<String>,
    aud: Option<Audience>,
    exp: Option<i64>,
    nbf: Option<i64>,
    sub: Option<String>,
    account: Option<String>,
    permission: Option<String>,
    sid: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn names(&self, audience: &str) -> bool {
        match self {
            Self::One(one) => one == audience,
            Self::Many(many) => many.iter().any(|one| one == audience),
        }
    }
}

impl TokenKeys {
    /// The first of `keys` signs, all of them check; `issuer` and `audience` are in every token.
    pub fn new(keys: Vec<TokenKey>, issuer: impl Into<String>, audience: impl Into<String>) -> Result<Self, TokenError> {
        if keys.is_empty() {
            return Err(TokenError::NoKey);
        }
        Ok(Self { keys, issuer: issuer.into(), audience: audience.into() })
    }

    /// A token that says `claims` from `now` on, for `lifetime` (whole seconds).
    pub fn issue(&self, claims: &Claims, lifetime: Duration, now: Instant) -> Result<String, TokenError> {
        let key = self.keys.first().ok_or(TokenError::NoKey)?;
        let header = Header { typ: Some(TYPE.to_owned()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let iat = now.timestamp();
        let exp =
            i64::try_from(lifetime.as_secs()).ok().and_then(|seconds| iat.checked_add(seconds)).ok_or(TokenError::Sign)?;
        let payload = Payload { iss: &self.issuer, aud: &self.audience, iat, nbf: iat, exp, claims };
        jsonwebtoken::encode(&header, &payload, &key.encoding).map_err(|_| TokenError::Sign)
    }

    /// Checks a token at `now`.
    pub fn verify(&self, token: &str, now: Instant) -> Result<Verified, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(refusal)?;
        if header.typ.as_deref() != Some(TYPE) || header.crit.is_some() {
            return Err(TokenError::Type);
        }
        let kid = header.kid.ok_or(TokenError::UnknownKey)?;
        let key = self.keys.iter().find(|key| key.kid == kid).ok_or(TokenError::UnknownKey)?;
        let received =
            jsonwebtoken::decode::<Received>(token, &key.decoding, &signature_only(Algorithm::EdDSA)).map_err(refusal)?.claims;
        self.accept(received, now)
    }

    fn accept(&self, token: Received, now: Instant) -> Result<Verified, TokenError> {
        if token.iss.as_deref() != Some(&self.issuer) {
            return Err(TokenError::Claim("iss"));
        }
        if !token.aud.is_some_and(|named| named.names(&self.audience)) {
            return Err(TokenError::Claim("aud"));
        }
        let expires_at = in_time(token.exp, token.nbf, now)?;
        Ok(Verified {
            claims: Claims {
                sub: token.sub.filter(|sub| !sub.is_empty()).ok_or(TokenError::Claim("sub"))?,
                account: token.account.ok_or(TokenError::Claim("account"))?,
                permission: token.permission.ok_or(TokenError::Claim("permission"))?,
                session: token.sid,
            },
            expires_at,
        })
    }

    /// The public keys as a JSON Web Key Set, for `/.well-known/jwks.json`.
    pub fn jwks(&self) -> serde_json::Value {
        let jwk = |key: &TokenKey| {
            serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig",
                "kid": key.kid, "x": URL_SAFE_NO_PAD.encode(key.public),
            })
        };
        serde_json::json!({ "keys": self.keys.iter().map(jwk).collect::<Vec<_>>() })
    }
}

/// Checks of the crate: that the algorithm is the key's, and the signature. Claims are ours.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// When a token's time is over, if `now` is within it.
fn in_time(exp: Option<i64>, nbf: Option<i64>, now: Instant) -> Result<Instant, TokenError> {
    let expires_at = seconds(exp.ok_or(TokenError::Claim("exp"))?)?;
    // Not `expires_at + LEEWAY`: a far expiry would leave chrono's range.
    if now - LEEWAY >= expires_at {
        return Err(TokenError::Expired);
    }
    match nbf {
        Some(nbf) if seconds(nbf)? > now + LEEWAY => Err(TokenError::Early),
        _ => Ok(expires_at),
    }
}

fn seconds(value: i64) -> Result<Instant, TokenError> {
    let millis = value.checked_mul(1000).ok_or(TokenError::Malformed)?;
    let instant = from_millis(millis);
    if instant.timestamp() == value { Ok(instant) } else { Err(TokenError::Malformed) }
}

fn refusal(error: jsonwebtoken::errors::Error) -> TokenError {
    match error.into_kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm => TokenError::Algorithm,
        _ => TokenError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const START: i64 = 1_700_000_000;
    const QUARTER: Duration = Duration::from_mins(15);

    fn at(second: i64) -> Instant {
        from_millis(second * 1000)
    }

    fn key(seed: u64) -> TokenKey {
        TokenKey::generate(&IdSource::seeded(seed)).unwrap()
    }

    fn keys() -> TokenKeys {
        TokenKeys::new(vec![key(1)], "us", "our-api").unwrap()
    }

    fn claims() -> Claims {
        Claims { sub: "usr_1".into(), account: "acc_1".into(), permission: "WRITE".into(), session: Some("s".into()) }
    }

    /// A payload that is accepted at `START`, with one claim replaced or, by null, removed.
    fn payload(name: &str, value: Value) -> Value {
        let mut payload = json!({
            "iss": "us", "aud": "our-api", "exp": START + 900, "nbf": START, "sub": "usr_1", "account": "acc_1", "permission": "READ",
        });
        let fields = payload.as_object_mut().unwrap();
        fields.insert(name.to_owned(), value);
        fields.retain(|_, value| !value.is_null());
        payload
    }

    /// Signs anything with the installation's key, as only a bug or a thief could.
    fn signed(payload: &Value) -> String {
        let key = key(1);
        let header = Header { typ: Some(TYPE.into()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, payload, &key.encoding).unwrap()
    }

    fn refused(token: &str) -> TokenError {
        keys().verify(token, at(START)).unwrap_err()
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let token = keys().issue(&claims(), QUARTER, at(START)).unwrap();
        let verified = keys().verify(&token, at(START + 60)).unwrap();
        assert_eq!(verified, Verified { claims: claims(), expires_at: at(START + 900) });
    }

    #[test]
    fn it_holds_for_its_time_and_a_small_leeway() {
        let token = keys().issue(&claims(), QUARTER, at(START)).unwrap();
        assert!(LEEWAY <= TimeDelta::seconds(30));
        let leeway = LEEWAY.num_seconds();
        for (second, outcome) in [
            (START - leeway - 1, Some(TokenError::Early)),
            (START - leeway, None),
            (START + 899 + leeway, None),
            (START + 900 + leeway, Some(TokenError::Expired)),
        ] {
            assert_eq!(keys().verify(&token, at(second)).err(), outcome, "{second}");
        }
    }

    #[test]
    fn each_claim_is_required_and_ours() {
        assert!(keys().verify(&signed(&payload("aud", json!(["other", "our-api"]))), at(START)).is_ok());
        assert!(keys().verify(&signed(&payload("nbf", Value::Null)), at(START)).is_ok());
        for (name, wrong) in [("iss", json!("them")), ("aud", json!("their-api")), ("aud", json!([])), ("sub", json!(""))] {
            assert_eq!(refused(&signed(&payload(name, wrong))), TokenError::Claim(name));
            assert_eq!(refused(&signed(&payload(name, Value::Null))), TokenError::Claim(name));
        }
        for name in ["exp", "account", "permission"] {
            assert_eq!(refused(&signed(&payload(name, Value::Null))), TokenError::Claim(name));
        }
        for (name, wrong) in
            [("exp", json!("soon")), ("exp", json!(i64::MAX)), ("nbf", json!(true)), ("sub", json!(1)), ("iss", json!(["us"]))]
        {
            assert_eq!(refused(&signed(&payload(name, wrong))), TokenError::Malformed, "{name}");
        }
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        for alg in ["none", "None", "NONE"] {
            let header = part(&json!({"alg": alg, "typ": TYPE, "kid": key(1).kid}));
            let body = part(&payload("sub", json!("usr_1")));
            assert_eq!(refused(&format!("{header}.{body}.")), TokenError::Malformed);
        }
        let token = keys().issue(&claims(), QUARTER, at(START)).unwrap();
        assert_eq!(refused(token.rsplit_once('.').unwrap().0), TokenError::Malformed);
        assert_eq!(refused(&format!("{}.", token.rsplit_once('.').unwrap().0)), TokenError::Signature);
    }

    #[test]
    fn the_public_key_does_not_pass_as_a_shared_secret() {
        let key = key(1);
        let header = Header { typ: Some(TYPE.into()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        let forged = EncodingKey::from_secret(&key.public);
        let token = jsonwebtoken::encode(&header, &payload("sub", json!("usr_1")), &forged).unwrap();
        assert_eq!(refused(&token), TokenError::Algorithm);
    }

    #[test]
    fn only_our_keys_sign() {
        let theirs = TokenKeys::new(vec![key(2)], "us", "our-api").unwrap();
        assert_eq!(refused(&theirs.issue(&claims(), QUARTER, at(START)).unwrap()), TokenError::UnknownKey);
        // Signed with another key under the name of ours.
        let header = Header { typ: Some(TYPE.into()), kid: Some(key(1).kid), ..Header::new(Algorithm::EdDSA) };
        let token = jsonwebtoken::encode(&header, &payload("sub", json!("usr_1")), &key(2).encoding).unwrap();
        assert_eq!(refused(&token), TokenError::Signature);
        let header = Header { kid: None, ..header };
        let token = jsonwebtoken::encode(&header, &payload("sub", json!("usr_1")), &key(1).encoding).unwrap();
        assert_eq!(refused(&token), TokenError::UnknownKey);
    }

    #[test]
    fn a_changed_payload_is_refused() {
        let token = keys().issue(&claims(), QUARTER, at(START)).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let body = URL_SAFE_NO_PAD.encode(payload("permission", json!("ADMIN")).to_string());
        assert_eq!(refused(&format!("{}.{body}.{}", parts[0], parts[2])), TokenError::Signature);
    }

    #[test]
    fn another_kind_of_jwt_is_refused() {
        for typ in [None, Some("JWT"), Some("coppice-certificate+jwt")] {
            let header = Header { typ: typ.map(str::to_owned), kid: Some(key(1).kid), ..Header::new(Algorithm::EdDSA) };
            let token = jsonwebtoken::encode(&header, &payload("sub", json!("usr_1")), &key(1).encoding).unwrap();
            assert_eq!(refused(&token), TokenError::Type);
        }
        for text in ["", ".", "..", "a.b.c", &"a".repeat(5000)] {
            assert_eq!(refused(text), TokenError::Malformed, "{text}");
        }
    }

    #[test]
    fn keys_can_be_stored_replaced_and_published() {
        let old = keys().issue(&claims(), QUARTER, at(START)).unwrap();
        let stored = TokenKey::from_pkcs8(key(1).pkcs8()).unwrap();
        let rotated = TokenKeys::new(vec![key(2), stored], "us", "our-api").unwrap();
        assert!(rotated.verify(&old, at(START)).is_ok());
        let new = rotated.issue(&claims(), QUARTER, at(START)).unwrap();
        assert_eq!(refused(&new), TokenError::UnknownKey);
        // A stranger can check it by the published set alone.
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(rotated.jwks()).unwrap();
        let kid = jsonwebtoken::decode_header(&new).unwrap().kid.unwrap();
        let public = DecodingKey::from_jwk(set.find(&kid).unwrap()).unwrap();
        assert!(jsonwebtoken::decode::<Claims>(&new, &public, &signature_only(Algorithm::EdDSA)).is_ok());
        assert_eq!(set.keys.len(), 2);
        assert!(!rotated.jwks().to_string().contains("\"d\""));
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(TokenKey::from_pkcs8(b"nonsense").unwrap_err(), TokenError::Key);
        assert_eq!(TokenKeys::new(vec![], "us", "us").unwrap_err(), TokenError::NoKey);
        let shown = format!("{:?}", key(1));
        assert_eq!(shown, format!("TokenKey {{ kid: {:?}, .. }}", key(1).kid));
    }
}
