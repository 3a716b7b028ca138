//! Signatures of certificates: a JWS whose `typ` is not that of an access token, by keys of their own.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::VerifyingKey;
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;

use super::{TokenError, TokenKey};

/// The `typ` of a signed certificate.
pub const CERTIFICATE_TYPE: &str = "coppice-certificate+jwt";

/// A key that signs certificates.
#[derive(Debug)]
pub struct CertificateKey {
    key: TokenKey,
    header: Header,
}

impl CertificateKey {
    /// Signs with `key`, which signs nothing else.
    pub fn new(key: TokenKey) -> Self {
        let header =
            Header { typ: Some(CERTIFICATE_TYPE.to_owned()), kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        Self { key, header }
    }

    /// Its name in signatures.
    pub fn kid(&self) -> &str {
        self.key.kid()
    }

    /// Its public half.
    pub fn public(&self) -> [u8; 32] {
        self.key.public
    }

    /// The private half, to be sealed and stored.
    pub fn pkcs8(&self) -> &[u8] {
        self.key.pkcs8()
    }

    /// `content` as a JWS in compact form. The same content gives the same signature.
    pub fn sign(&self, content: &impl Serialize) -> Result<String, TokenError> {
        jsonwebtoken::encode(&self.header, content, &self.key.encoding).map_err(|_| TokenError::Sign)
    }
}

/// Public halves with their names as a JSON Web Key Set, for `/.well-known/certificate-jwks.json`; what is no Ed25519 key is left out.
pub fn certificate_jwks<'a>(keys: impl Iterator<Item = (&'a str, &'a [u8])>) -> serde_json::Value {
    let jwk = |(kid, public): (&str, &[u8])| {
        let public = VerifyingKey::try_from(public).ok()?.to_bytes();
        Some(serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": kid, "x": URL_SAFE_NO_PAD.encode(public),
        }))
    };
    serde_json::json!({ "keys": keys.filter_map(jwk).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{clock::from_millis, id::IdSource, token::TokenKeys};

    fn key(seed: u64) -> TokenKey {
        TokenKey::generate(&IdSource::seeded(seed)).unwrap()
    }

    #[test]
    fn anyone_checks_a_certificate_by_the_published_keys() {
        let signer = CertificateKey::new(key(1));
        let jws = signer.sign(&json!({ "number": "CR-2026-03-000042" })).unwrap();
        assert_eq!(jws, signer.sign(&json!({ "number": "CR-2026-03-000042" })).unwrap());
        let published = certificate_jwks([(signer.kid(), &signer.public()[..]), ("broken", &[1, 2][..])].into_iter());
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_value(published).unwrap();
        assert_eq!(set.keys.len(), 1);
        let header = jsonwebtoken::decode_header(&jws).unwrap();
        assert_eq!(header.typ.as_deref(), Some(CERTIFICATE_TYPE));
        let public = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
        let content =
            jsonwebtoken::decode::<Value>(&jws, &public, &super::super::signature_only(jsonwebtoken::Algorithm::EdDSA))
                .unwrap()
                .claims;
        assert_eq!(content["number"], "CR-2026-03-000042");
    }

    #[test]
    fn a_certificate_does_not_pass_as_an_access_token() {
        let tokens = TokenKeys::new(vec![key(1)], "us", "us").unwrap();
        let claims = json!({
            "iss": "us", "aud": "us", "exp": 2_000_000_000, "sub": "usr_1", "account": "acc_1", "permission": "ADMIN",
        });
        let jws = CertificateKey::new(key(1)).sign(&claims).unwrap();
        assert_eq!(tokens.verify(&jws, from_millis(1_700_000_000_000)).unwrap_err(), TokenError::Type);
    }
}
