//! What strangers see: a certificate by its number and code, an account's trees by its token. Every answer costs the same look-ups, and what
//! is not there is answered like what is not known by this code.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use chrono::{Datelike as _, NaiveDate, TimeDelta};

use super::Certificates;
use crate::{
    app::{App, AppError, query::Totals},
    clock::Instant,
    domain::{
        calendar::day_of,
        certificate::{Certificate, VerificationCode, read_number},
        named_enum,
        query::PageSum,
    },
    secret::{self, Digest},
    store::{account, certificate, certificate::public_page},
};

named_enum! {
    /// Whether a certificate is genuine.
    VerificationResult {
        /// Genuine and in force.
        Valid = "VALID",
        /// Genuine, but withdrawn.
        Void = "VOID",
        /// No certificate has this number and code.
        NotFound = "NOT_FOUND",
    }
}

/// A certificate as its page shows it.
#[derive(Debug, Clone)]
pub struct PublicCertificate {
    /// The certificate.
    pub certificate: Certificate,
    /// The other certificates of its account and month, by sequence; only numbers and states are for strangers.
    pub others: Vec<Certificate>,
    /// SHA-256 digests of the PDF files that were made of it, with the instant of the first.
    pub files: Vec<(Digest, Instant)>,
}

/// An account's trees as its page shows them.
#[derive(Debug, Clone)]
pub struct Lifetime {
    /// Name of the account.
    pub holder: String,
    /// Today in its zone.
    pub today: NaiveDate,
    /// This year there.
    pub year: i32,
    /// Since 1 January.
    pub year_to_date: PageSum,
    /// Since the first entry.
    pub lifetime: PageSum,
    /// The part on certificates in force.
    pub certified: PageSum,
}

impl App {
    /// Whether a stranger at `address` may ask once more; else for how many seconds not.
    pub fn admit_visit(&self, address: Option<IpAddr>) -> Result<(), u32> {
        self.certificates.visits().admit(address, self.now())
    }

    /// `verifyCertificate`: what a certificate says, if its number and code are these; needs no sign-in.
    pub async fn verify_certificate(&self, number: &str, code: &str) -> Result<Option<Certificate>, AppError> {
        let found = certificate::by_number(&self.parts.store, &read_number(number)).await?;
        // A code is compared whether there is a certificate or not.
        let given: Option<VerificationCode> = code.parse().ok();
        let given = given.as_ref().map_or("", VerificationCode::digits);
        let known = found.as_ref().map_or("0000000000000000", |certificate| certificate.code.digits());
        let same = secret::same(given.as_bytes(), known.as_bytes());
        Ok(found.filter(|_| same))
    }

    /// A certificate with what stands beside it on its page.
    pub async fn public_certificate(&self, number: &str, code: &str) -> Result<Option<PublicCertificate>, AppError> {
        let Some(certificate) = self.verify_certificate(number, code).await? else { return Ok(None) };
        let store = &self.parts.store;
        let mut others = certificate::of_month(store, certificate.account_id, &certificate.month.to_string()).await?;
        others.retain(|other| other.id != certificate.id);
        let files = certificate::files(store, certificate.id).await?;
        Ok(Some(PublicCertificate { certificate, others, files }))
    }

    /// An account's trees, for whoever has the address of its page.
    pub async fn lifetime(&self, token: &str) -> Result<Option<Lifetime>, AppError> {
        let store = &self.parts.store;
        let Some(id) = public_page::account(store, token).await? else { return Ok(None) };
        let Some(account) = account::find(store, id).await? else { return Ok(None) };
        let today = day_of(self.now(), account.time_zone);
        let Totals { year_to_date, lifetime, certified, .. } = self.public_totals(&account).await?;
        Ok(Some(Lifetime { holder: account.name, today, year: today.year(), year_to_date, lifetime, certified }))
    }
}

impl Certificates {
    /// Keeps the digest of a PDF file that was made of a certificate, so that its page can name it.
    pub async fn remember_file(&self, certificate: &Certificate, digest: &Digest) -> Result<(), AppError> {
        let id = certificate.id;
        if certificate::files(&self.store, id).await?.iter().any(|(known, _)| known == digest) {
            return Ok(());
        }
        self.store.write_durably(|tx| async move { certificate::remember_file(&tx, id, digest).await }).await?;
        Ok(())
    }
}

/// Visits of one address in a minute; a page with its pictures is four.
const PER_MINUTE: u32 = 60;
/// Addresses remembered; beyond it, those whose minute is over are forgotten, and then everyone's count begins anew.
const ADDRESSES: usize = 100_000;

/// Counts visits per address, so that nobody tries codes in bulk. An IPv6 network of 64 bits counts as one address. Each node counts alone.
#[derive(Debug, Default)]
pub struct Visits(Mutex<HashMap<IpAddr, (Instant, u32)>>);

impl Visits {
    /// Whether `address` may ask once more at `now`; else for how many seconds it may not. Without an address there is no limit.
    pub fn admit(&self, address: Option<IpAddr>, now: Instant) -> Result<(), u32> {
        let Some(address) = address.map(network) else { return Ok(()) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ADDRESSES {
            known.retain(|_, (since, _)| now - *since < TimeDelta::minutes(1));
            if known.len() >= ADDRESSES {
                known.clear();
            }
        }
        let (since, count) = known.entry(address).or_insert((now, 0));
        // A clock set back must not lock anybody out for longer than a minute.
        if now - *since >= TimeDelta::minutes(1) || now < *since {
            (*since, *count) = (now, 0);
        }
        if *count < PER_MINUTE {
            *count += 1;
            return Ok(());
        }
        let left = TimeDelta::minutes(1) - (now - *since);
        Err(u32::try_from(left.num_seconds()).unwrap_or(60).max(1))
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, which one customer has whole.
pub(in crate::app) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::from_millis;

    #[test]
    fn an_address_may_ask_so_often_a_minute() {
        let visits = Visits::default();
        let (start, late) = (from_millis(0), from_millis(59_000));
        let address = |text: &str| Some(text.parse().unwrap());
        for _ in 0..PER_MINUTE {
            assert_eq!(visits.admit(address("2001:db8::1"), start), Ok(()));
        }
        assert_eq!(visits.admit(address("2001:db8::2"), late), Err(1), "the same network");
        assert_eq!(visits.admit(address("2001:db8:0:1::1"), late), Ok(()));
        assert_eq!(visits.admit(address("192.0.2.1"), late), Ok(()));
        assert_eq!(visits.admit(None, late), Ok(()));
        assert_eq!(visits.admit(address("2001:db8::1"), from_millis(60_000)), Ok(()));
    }
}
