//! Which product looks after the host of an alert, and under which id.

use watchfire_events::Document;

use crate::fields::text_in;

use super::request::Setting;

macro_rules! products {
    ($($(#[$doc:meta])* $name:ident = $argument:literal, $label:literal);* $(;)?) => {
        /// A product that can act on hosts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Product { $($(#[$doc])* $name),* }

        impl Product {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name in arguments and records.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $argument),* }
            }

            /// Its name for people.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label),* }
            }
        }
    };
}

products! {
    /// Elastic Defend, through Kibana.
    ElasticDefend = "elastic-defend", "Elastic Defend";
    /// CrowdStrike Falcon.
    CrowdStrike = "crowdstrike", "CrowdStrike Falcon";
    /// SentinelOne Singularity.
    SentinelOne = "sentinelone", "SentinelOne";
    /// Microsoft Defender for Endpoint.
    Defender = "defender", "Microsoft Defender for Endpoint";
}

impl Product {
    /// What its requests need of the environment.
    pub fn settings(self) -> &'static [Setting] {
        match self {
            Self::ElasticDefend => super::elastic::SETTINGS,
            Self::CrowdStrike => super::crowdstrike::SETTINGS,
            Self::SentinelOne => super::sentinelone::SETTINGS,
            Self::Defender => super::defender::SETTINGS,
        }
    }

    /// The fields that have its id of a host, the surest first.
    fn agent_fields(self) -> &'static [&'static str] {
        match self {
            Self::ElasticDefend => &["agent.id"],
            Self::CrowdStrike => &["crowdstrike.event.DeviceId", "device.id", "host.id"],
            Self::SentinelOne => &["sentinel_one_cloud_funnel.event.agent.uuid", "host.id"],
            Self::Defender => &["device.id", "host.id"],
        }
    }

    /// The product that an event is from.
    fn of(event: &Document) -> Option<Self> {
        let module = text_in(event, "event.module");
        let dataset = text_in(event, "event.dataset").or_else(|| text_in(event, "data_stream.dataset"));
        let is_of = |name: &str| {
            module == Some(name) || dataset.is_some_and(|dataset| dataset.split('.').next() == Some(name))
        };
        if text_in(event, "agent.type") == Some("endpoint") || is_of("endpoint") {
            return Some(Self::ElasticDefend);
        }
        [
            (Self::CrowdStrike, &["crowdstrike"][..]),
            (Self::SentinelOne, &["sentinel_one_cloud_funnel", "sentinel_one"]),
            (Self::Defender, &["m365_defender", "microsoft_defender_endpoint"]),
        ]
        .into_iter()
        .find_map(|(product, names)| names.iter().any(|name| is_of(name)).then_some(product))
    }
}

/// An operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Windows.
    Windows,
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
}

impl System {
    /// That of an alert's host.
    pub fn of(alert: &Document) -> Option<Self> {
        let name = text_in(alert, "host.os.type").or_else(|| text_in(alert, "host.os.family"))?;
        match name.to_lowercase().as_str() {
            "windows" => Some(Self::Windows),
            "linux" => Some(Self::Linux),
            "macos" | "darwin" | "osx" => Some(Self::MacOs),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::Linux => "linux",
            Self::MacOs => "macos",
        }
    }
}

/// A host that a product looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    /// The product.
    pub product: Product,
    /// The id that the product knows it by.
    pub agent: String,
    /// Its name, if the alert has one.
    pub host: Option<String>,
    /// Its operating system, if the alert tells.
    pub system: Option<System>,
}

/// Why no call can be made for the host of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmanaged {
    /// Its event is from no product that can act on hosts.
    NoProduct {
        /// Where it is from.
        from: String,
    },
    /// Its event is from this product, and has no id of the host.
    NoAgent(Product),
}

impl std::fmt::Display for Unmanaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoProduct { from } => write!(f, "{from} cannot act on hosts"),
            Self::NoAgent(product) => {
                write!(f, "the alert does not have {}'s id of the host", product.label())
            }
        }
    }
}

impl Managed {
    /// The product that looks after the host of an alert: the one that its event is from.
    ///
    /// # Errors
    /// If that cannot act on hosts, or the alert has no id of the host.
    pub fn of(alert: &Document) -> Result<Self, Unmanaged> {
        let Some(product) = Product::of(alert) else {
            let from = text_in(alert, "event.dataset").or_else(|| text_in(alert, "event.module"));
            let from = from.map_or_else(|| "what the alert is from".to_owned(), |from| format!("`{from}`"));
            return Err(Unmanaged::NoProduct { from });
        };
        let agent = product.agent_fields().iter().find_map(|field| text_in(alert, field));
        Ok(Self::named(alert, product, agent.ok_or(Unmanaged::NoAgent(product))?))
    }

    /// The host of an alert, by the id that this product has for it.
    pub fn named(alert: &Document, product: Product, agent: &str) -> Self {
        let host = ["host.name", "host.hostname"].into_iter().find_map(|field| text_in(alert, field));
        Self { product, agent: agent.to_owned(), host: host.map(str::to_owned), system: System::of(alert) }
    }
}
