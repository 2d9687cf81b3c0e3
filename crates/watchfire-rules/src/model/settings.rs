//! The smaller objects that rules of all types may have.

use super::names::named_values;
use super::table::table_type;
use super::{Interval, RiskScore, Severity};
use crate::document::Node;
use crate::document::reader::{Context, FromNode};

named_values! {
    /// How a mapping compares; there is only equality.
    MappingOperator { Equals = "equals" }
}

table_type! {
    /// Takes the alert's risk score from the event (detection-engine §3.5). `value` is kept, and ignored, as upstream.
    RiskScoreMapping {
        /// The event's field that holds the score.
        text "field" => field: String,
        /// How `value` is compared.
        required "operator" => operator: MappingOperator,
        /// Usually empty.
        required "value" => value: String,
        /// A score to use instead of the field's.
        optional "risk_score" => risk_score: RiskScore,
    }
}

table_type! {
    /// Gives the alert another severity if a field of the event has a certain value (detection-engine §3.5).
    SeverityMapping {
        /// The event's field.
        text "field" => field: String,
        /// How `value` is compared.
        required "operator" => operator: MappingOperator,
        /// The value.
        required "value" => value: String,
        /// The severity then.
        required "severity" => severity: Severity,
    }
}

named_values! {
    /// What kind of exception list it is (detection-engine §4.1).
    ExceptionListType {
        /// A shared list, referenced by any rule.
        Detection = "detection",
        /// One rule's own list.
        RuleDefault = "rule_default",
        /// The list of the Elastic Endpoint.
        Endpoint = "endpoint",
        /// Agent policy only.
        EndpointTrustedApps = "endpoint_trusted_apps",
        /// Agent policy only.
        EndpointTrustedDevices = "endpoint_trusted_devices",
        /// Agent policy only.
        EndpointEvents = "endpoint_events",
        /// Agent policy only.
        EndpointHostIsolationExceptions = "endpoint_host_isolation_exceptions",
        /// Agent policy only.
        EndpointBlocklists = "endpoint_blocklists",
        /// Agent policy only.
        EndpointCustomYaraSignatures = "endpoint_custom_yara_signatures",
    }
}

named_values! {
    /// Where an object is visible.
    NamespaceType {
        /// In one space.
        Single = "single",
        /// In all spaces.
        Agnostic = "agnostic",
    }
}

table_type! {
    /// A rule's reference to an exception list.
    ExceptionListReference {
        /// The saved object; differs between stacks.
        text "id" => id: String,
        /// The stable name of the list.
        text "list_id" => list_id: String,
        /// The kind of list.
        required "type" => list_type: ExceptionListType,
        /// Where the list lives.
        required "namespace_type" => namespace_type: NamespaceType,
    }
}

table_type! {
    /// A package whose data the rule needs.
    RelatedIntegration {
        /// The package's name.
        text "package" => package: String,
        /// The versions that fit, as a semver range.
        required "version" => version: String,
        /// The part of the package.
        optional "integration" => integration: String,
    }
}

table_type! {
    /// A field that the rule's events must have.
    RequiredField {
        /// The field's name.
        text "name" => name: String,
        /// Its Elasticsearch type.
        text "type" => field_type: String,
        /// Whether the name and type are those of ECS; added by servers.
        optional "ecs" => ecs: bool,
    }
}

table_type! {
    /// The fields an analyst looks at first.
    InvestigationFields {
        /// Their names, at least one.
        required "field_names" => field_names: Vec<String>,
    }
}

named_values! {
    /// Marks a rule whose alerts only feed other rules.
    BuildingBlockType { Default = "default" }
}

/// How often a rule's actions run (deprecated in favour of each action's `frequency`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Throttle {
    /// `no_actions`
    NoActions,
    /// `rule`: with every execution that made alerts.
    EveryExecution,
    /// At most once in the interval.
    Every(Interval),
}

impl std::str::FromStr for Throttle {
    type Err = super::NotAnInterval;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "no_actions" => Ok(Self::NoActions),
            "rule" => Ok(Self::EveryExecution),
            interval => interval.parse().map(Self::Every),
        }
    }
}

impl serde::Serialize for Throttle {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::NoActions => serializer.serialize_str("no_actions"),
            Self::EveryExecution => serializer.serialize_str("rule"),
            Self::Every(interval) => interval.serialize(serializer),
        }
    }
}

crate::document::reader::from_node_by_text!(Throttle);

/// The stable identity of a rule, `rule_id`: not empty, mostly a UUID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct RuleId(String);

impl RuleId {
    /// The id of this text; `None` if it is blank.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        if text.trim().is_empty() { None } else { Some(Self(text)) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromNode for RuleId {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let text = String::from_node(node, path, cx)?;
        let id = Self::new(text);
        if id.is_none() {
            cx.bad_value(node, path, "must not be empty");
        }
        id
    }
}
