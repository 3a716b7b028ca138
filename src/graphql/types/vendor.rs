//! The supported vendor systems.

use async_graphql::SimpleObject;

use super::enums::{VendorCapability, VendorKind};
use crate::{
    domain::vendor,
    graphql::{engine, scalars::Url},
};

/// A vendor system that servers can be registered for.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct Vendor {
    /// Which one.
    kind: VendorKind,
    /// Its name for people.
    name: &'static str,
    /// A typical address of a server, for the form's placeholder.
    url_example: Url,
    /// The field of ServerCredentialsInput that takes this vendor's credentials.
    credentials_key: &'static str,
    /// The credentials it needs, in the form's order; all are required.
    credential_fields: Vec<CredentialField>,
    /// What the vendor calls a feed's external id, such as Organization.
    external_id_label: &'static str,
    /// What to do on the vendor's side before registering, a sentence each.
    setup_steps: Vec<&'static str>,
    /// What it can do.
    capabilities: Vec<VendorCapability>,
}

/// One input of a vendor's credentials form.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(crate = "engine")]
pub struct CredentialField {
    /// The field's name in that vendor's credentials input.
    name: &'static str,
    /// Its label for people.
    label: &'static str,
    /// A hint for people, such as where to get the value; null for none.
    help: Option<&'static str>,
    /// Whether to hide what is typed.
    secret: bool,
}

impl From<&vendor::Vendor> for Vendor {
    fn from(vendor: &vendor::Vendor) -> Self {
        Self {
            kind: vendor.kind.into(),
            name: vendor.name,
            url_example: Url(vendor.url_example.to_owned()),
            credentials_key: vendor.credentials_key,
            credential_fields: vendor.credential_fields.iter().map(CredentialField::from).collect(),
            external_id_label: vendor.external_id_label,
            setup_steps: vendor.setup_steps.to_vec(),
            capabilities: vendor.capabilities.iter().map(|capability| VendorCapability::from(*capability)).collect(),
        }
    }
}

impl From<&vendor::CredentialField> for CredentialField {
    fn from(field: &vendor::CredentialField) -> Self {
        Self { name: field.name, label: field.label, help: field.help, secret: field.secret }
    }
}
