//! The supported vendor systems: what each needs and can do.

use super::named_enum;

named_enum! {
    /// The supported vendor systems.
    VendorKind {
        /// ECI Printanista (FMAudit): page totals of a customer between two dates.
        Printanista = "PRINTANISTA",
        /// 3manager: counters of each device, also as of past days.
        ThreeManager = "THREE_MANAGER",
        /// MPS Monitor: current counters of each device.
        MpsMonitor = "MPS_MONITOR",
    }
}

named_enum! {
    /// What a vendor system can do. The engine asks for these, never for the vendor's name.
    VendorCapability {
        /// Past days can be read: a past activation date is backfilled.
        History = "HISTORY",
        /// Its customers can be listed.
        ListCustomers = "LIST_CUSTOMERS",
        /// Counters come per device; without it totals come per customer and day.
        Devices = "DEVICES",
        /// A feed can be limited to managed devices.
        ManagedOnly = "MANAGED_ONLY",
    }
}

/// One input of a vendor's credentials form.
#[derive(Debug, Clone, Copy)]
pub struct CredentialField {
    /// The field's name in that vendor's credentials input.
    pub name: &'static str,
    /// Its label for people.
    pub label: &'static str,
    /// A hint for people.
    pub help: Option<&'static str>,
    /// Whether to hide what is typed.
    pub secret: bool,
}

/// A vendor system, described well enough to draw the registration form.
#[derive(Debug, Clone, Copy)]
pub struct Vendor {
    /// Which one.
    pub kind: VendorKind,
    /// Its name for people.
    pub name: &'static str,
    /// A typical address of a server.
    pub url_example: &'static str,
    /// The field of the credentials input that takes this vendor's credentials.
    pub credentials_key: &'static str,
    /// The credentials it needs, in the form's order.
    pub credential_fields: &'static [CredentialField],
    /// What the vendor calls a feed's external id.
    pub external_id_label: &'static str,
    /// What to do on the vendor's side before registering, a sentence each.
    pub setup_steps: &'static [&'static str],
    /// What it can do.
    pub capabilities: &'static [VendorCapability],
}

impl Vendor {
    /// Whether the vendor can do `capability`.
    pub fn can(&self, capability: VendorCapability) -> bool {
        self.capabilities.contains(&capability)
    }
}

const USERNAME: CredentialField =
    CredentialField { name: "username", label: "Username", help: Some("A user made for Coppice alone."), secret: false };
const PASSWORD: CredentialField = CredentialField { name: "password", label: "Password", help: None, secret: true };

/// Every supported vendor.
pub const VENDORS: &[Vendor] = &[
    Vendor {
        kind: VendorKind::Printanista,
        name: "ECI Printanista",
        url_example: "https://printanista.example.com",
        credentials_key: "printanista",
        credential_fields: &[
            USERNAME,
            PASSWORD,
            CredentialField {
                name: "apiKey",
                label: "API Key",
                help: Some("Ask your ECI representative for it."),
                secret: true,
            },
        ],
        external_id_label: "Account ID",
        setup_steps: &[
            "Create a user with the role Dealer Admin for Coppice alone.",
            "Ask your ECI representative for an API key.",
            "Open Admin > Syncs > Public API Security and grant access to each customer, or to all at once.",
            "Enable the PrintReleaf Report for all devices, or the PrintReleaf Managed Only Report for managed ones; when both are enabled, all devices count.",
        ],
        capabilities: &[VendorCapability::History, VendorCapability::ManagedOnly],
    },
    Vendor {
        kind: VendorKind::ThreeManager,
        name: "3manager",
        url_example: "https://app.3manager.com",
        credentials_key: "threeManager",
        credential_fields: &[USERNAME, PASSWORD],
        external_id_label: "Organization",
        setup_steps: &["Create a 3manager user for Coppice alone, with access to every organization that prints for a feed."],
        capabilities: &[
            VendorCapability::History,
            VendorCapability::ListCustomers,
            VendorCapability::Devices,
            VendorCapability::ManagedOnly,
        ],
    },
    Vendor {
        kind: VendorKind::MpsMonitor,
        name: "MPS Monitor",
        url_example: "https://api.abassetmanagement.com",
        credentials_key: "mpsMonitor",
        credential_fields: &[CredentialField {
            name: "dealerToken",
            label: "Dealer Token",
            help: Some("A GUID; ask your MPS Monitor representative for it."),
            secret: true,
        }],
        external_id_label: "Customer Code",
        setup_steps: &["Ask your MPS Monitor representative for your Dealer Token."],
        capabilities: &[VendorCapability::Devices, VendorCapability::ManagedOnly],
    },
];

impl VendorKind {
    /// What is known of it.
    pub fn vendor(self) -> &'static Vendor {
        match self {
            Self::Printanista => &VENDORS[0],
            Self::ThreeManager => &VENDORS[1],
            Self::MpsMonitor => &VENDORS[2],
        }
    }

    /// Whether the vendor can do `capability`.
    pub fn can(self, capability: VendorCapability) -> bool {
        self.vendor().can(capability)
    }
}
