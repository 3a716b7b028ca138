//! Public addresses: of a certificate by its number and code, of an account by a token of its own. Neither can be guessed.

use std::collections::HashMap;

use super::Certificates;
use crate::{
    app::AppError,
    domain::certificate::Certificate,
    id::{Kind, PublicId, Uuid},
    store::certificate::public_page,
};

/// Bytes of chance in an account's token.
const TOKEN_BYTES: usize = 16;

impl Certificates {
    /// The page that shows and verifies a certificate.
    pub fn verification_url(&self, certificate: &Certificate) -> String {
        format!("{}/certificates/{}/{}", self.settings.public_url, certificate.number, certificate.code.digits())
    }

    /// The certificate as PDF.
    pub fn pdf_url(&self, certificate: &Certificate) -> String {
        self.verification_url(certificate) + "/certificate.pdf"
    }

    /// The certificate as a picture: `svg` or `png`.
    pub fn image_url(&self, certificate: &Certificate, format: &str) -> String {
        format!("{}/certificate.{format}", self.verification_url(certificate))
    }

    /// An account's public page.
    pub fn lifetime_url(&self, token: &str) -> String {
        format!("{}/forests/{token}", self.settings.public_url)
    }

    /// An account's badge.
    pub fn badge_url(&self, token: &str) -> String {
        format!("{}/forests/{token}/badge.svg", self.settings.public_url)
    }

    /// The tokens of accounts' public pages; they are made when first asked for.
    pub(super) async fn page_tokens(&self, accounts: &[Uuid]) -> Result<HashMap<Uuid, String>, AppError> {
        let mut known = public_page::tokens(&self.store, accounts).await?;
        let missing: Vec<(Uuid, String)> = accounts
            .iter()
            .filter(|account| !known.contains_key(account))
            .map(|account| (*account, self.new_token()))
            .collect();
        if !missing.is_empty() {
            let added = &missing;
            self.store.write(|tx| async move { public_page::add(&tx, added).await }).await?;
            // Another node may have been first.
            let ids: Vec<Uuid> = missing.into_iter().map(|(account, _)| account).collect();
            known.extend(public_page::tokens(&self.store, &ids).await?);
        }
        Ok(known)
    }

    /// 128 bits of chance in the digits of public ids.
    fn new_token(&self) -> String {
        let mut bytes = [0; TOKEN_BYTES];
        self.ids.fill(&mut bytes);
        let text = PublicId::new(Kind::Account, Uuid::from_bytes(bytes)).to_string();
        text.rsplit_once('_').map_or_else(String::new, |(_, digits)| digits.to_owned())
    }
}
