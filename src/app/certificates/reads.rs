//! Queries of certificates, limited to what the actor may see.

use std::collections::HashMap;

use crate::{
    app::{App, AppError},
    domain::{
        account::Actor,
        certificate::Certificate,
        paging::{Page, PageArgs},
        query::{CertificateFilter, CertificateOrder},
    },
    id::Uuid,
    store::certificate,
};

impl App {
    /// Certificates by id, for loaders.
    pub async fn certificates_by_id(&self, actor: &Actor, ids: &[Uuid]) -> Result<HashMap<Uuid, Certificate>, AppError> {
        Ok(certificate::by_ids(&self.parts.store, actor.account_id, ids).await?)
    }

    /// Certificates, void ones included.
    pub async fn certificates(
        &self,
        actor: &Actor,
        filter: &CertificateFilter,
        order: CertificateOrder,
        page: &PageArgs,
    ) -> Result<Page<Certificate>, AppError> {
        Ok(certificate::list(&self.parts.store, actor.account_id, filter, order, page).await?)
    }

    /// By entry, the certificate in force that it is on; pending ones are left out.
    pub async fn certificates_of_deposits(
        &self,
        actor: &Actor,
        deposits: &[Uuid],
    ) -> Result<HashMap<Uuid, Certificate>, AppError> {
        let store = &self.parts.store;
        let on = certificate::of_deposits(store, deposits).await?;
        let ids: Vec<Uuid> = on.values().copied().collect();
        let found = certificate::by_ids(store, actor.account_id, &ids).await?;
        Ok(on.into_iter().filter_map(|(deposit, id)| Some((deposit, found.get(&id)?.clone()))).collect())
    }

    /// By supplement, the first certificate of its account and month.
    pub async fn first_certificates(
        &self,
        actor: &Actor,
        supplements: &[Uuid],
    ) -> Result<HashMap<Uuid, Certificate>, AppError> {
        let store = &self.parts.store;
        let firsts = certificate::first_of(store, supplements).await?;
        let ids: Vec<Uuid> = firsts.values().copied().collect();
        let found = certificate::by_ids(store, actor.account_id, &ids).await?;
        Ok(firsts.into_iter().filter_map(|(id, first)| Some((id, found.get(&first)?.clone()))).collect())
    }

    /// By account, what makes the address of its public page; for accounts that the actor may see.
    pub async fn page_tokens(&self, actor: &Actor, accounts: &[Uuid]) -> Result<HashMap<Uuid, String>, AppError> {
        let seen: Vec<Uuid> = self.accounts_by_id(actor, accounts).await?.into_keys().collect();
        self.certificates.page_tokens(&seen).await
    }
}
