//! The rule itself.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::response::{Action, ResponseAction};
use super::settings::{
    BuildingBlockType, ExceptionListReference, InvestigationFields, RelatedIntegration, RequiredField,
    RiskScoreMapping, RuleId, SeverityMapping, Throttle,
};
use super::table::table_type;
use super::{DateMath, FreeForm, Interval, RiskScore, RuleKind, Severity, ThreatEntry};

/// `max_signals` of a rule that states none (detection-engine §1.1).
pub const DEFAULT_MAX_SIGNALS: u64 = 100;

table_type! {
    /// A detection rule, as Elastic's detection engine knows it: every field of detection-engine §1.1, and in
    /// [`RuleKind`] those of its type (§1.2).
    ///
    /// A field that was absent is `None`; what counts then is told by the method of the same name.
    Rule {
        /// The stable identity. A rule without one gets a random id when a server stores it.
        optional "rule_id" => rule_id: RuleId,
        /// The name.
        text "name" => name: String,
        /// What it detects, in a few sentences.
        text "description" => description: String,
        /// How likely and how bad, 0 to 100.
        required "risk_score" => risk_score: RiskScore,
        /// How bad.
        required "severity" => severity: Severity,
        /// What makes an alert.
        flat "" => kind: RuleKind,
        /// Whether it runs.
        optional "enabled" => enabled: bool,
        /// The time between two executions.
        optional "interval" => interval: Interval,
        /// The start of the searched window.
        optional "from" => from: DateMath,
        /// The end of the searched window.
        optional "to" => to: DateMath,
        /// The most alerts of one execution.
        optional "max_signals" => max_signals: u64,
        /// Free labels.
        optional "tags" => tags: Vec<String>,
        /// Who wrote it.
        optional "author" => author: Vec<String>,
        /// Pages about what it detects.
        optional "references" => references: Vec<String>,
        /// Harmless causes of alerts.
        optional "false_positives" => false_positives: Vec<String>,
        /// What it detects, in terms of an attack framework.
        optional "threat" => threat: Vec<ThreatEntry>,
        /// Risk scores taken from events.
        optional "risk_score_mapping" => risk_score_mapping: Vec<RiskScoreMapping>,
        /// Severities chosen by events.
        optional "severity_mapping" => severity_mapping: Vec<SeverityMapping>,
        /// The field whose value replaces the rule's name in its alerts.
        optional "rule_name_override" => rule_name_override: String,
        /// The field that places an event in the window, instead of `@timestamp`.
        optional "timestamp_override" => timestamp_override: String,
        /// Whether events without the override field are left out instead of placed by `@timestamp`.
        optional "timestamp_override_fallback_disabled" => timestamp_override_fallback_disabled: bool,
        /// The exception lists it obeys.
        optional "exceptions_list" => exceptions_list: Vec<ExceptionListReference>,
        /// What is sent where.
        optional "actions" => actions: Vec<Action>,
        /// What is done on hosts.
        optional "response_actions" => response_actions: Vec<ResponseAction>,
        /// How often actions run (deprecated).
        optional "throttle" => throttle: Throttle,
        /// The packages whose data it needs.
        optional "related_integrations" => related_integrations: Vec<RelatedIntegration>,
        /// The fields its events must have.
        optional "required_fields" => required_fields: Vec<RequiredField>,
        /// What must be set up for it to work, as Markdown.
        optional "setup" => setup: String,
        /// The investigation guide, as Markdown with directives (detection-engine §5.1).
        optional "note" => note: String,
        /// The fields an analyst looks at first.
        optional "investigation_fields" => investigation_fields: InvestigationFields,
        /// Whether its alerts only feed other rules.
        optional "building_block_type" => building_block_type: BuildingBlockType,
        /// A timeline template.
        optional "timeline_id" => timeline_id: String,
        /// Its title.
        optional "timeline_title" => timeline_title: String,
        /// The rule's licence.
        optional "license" => license: String,
        /// Without effect.
        optional "output_index" => output_index: String,
        /// Stored, without effect.
        optional "namespace" => namespace: String,
        /// Free form; copied into alerts.
        optional "meta" => meta: FreeForm,
        /// The version of its content.
        optional "version" => version: u64,
        /// What a server adds.
        flat "" => server: ServerFields,
    }
}

table_type! {
    /// Fields that only a server's answers have. They are kept, and have no effect.
    ServerFields {
        /// The saved object's id, another one in each space.
        optional "id" => id: String,
        /// Whether it is a prebuilt rule (deprecated).
        optional "immutable" => immutable: bool,
        /// Where the rule came from, and whether it was changed since.
        optional "rule_source" => rule_source: FreeForm,
        /// When it was stored.
        optional "created_at" => created_at: String,
        /// By whom.
        optional "created_by" => created_by: String,
        /// When it was last changed.
        optional "updated_at" => updated_at: String,
        /// By whom.
        optional "updated_by" => updated_by: String,
        /// How often its parameters were changed.
        optional "revision" => revision: u64,
        /// How its last execution went.
        optional "execution_summary" => execution_summary: FreeForm,
        /// From the resolution of saved objects.
        optional "outcome" => outcome: String,
        /// From the resolution of saved objects.
        optional "alias_target_id" => alias_target_id: String,
        /// From the resolution of saved objects.
        optional "alias_purpose" => alias_purpose: String,
    }
}

/// Methods for what counts where the rule says nothing (detection-engine §1.1).
impl Rule {
    /// Whether it runs once stored; not by default.
    pub fn enabled(&self) -> bool {
        self.enabled.unwrap_or(false)
    }

    /// The time between two executions; 5 minutes by default.
    pub fn interval(&self) -> Interval {
        self.interval.unwrap_or(Interval::minutes(5))
    }

    /// The start of the searched window; `now-6m` by default.
    pub fn from(&self) -> DateMath {
        self.from.clone().unwrap_or_else(|| DateMath::minutes_ago(6))
    }

    /// The end of the searched window; `now` by default.
    pub fn to(&self) -> DateMath {
        self.to.clone().unwrap_or_else(DateMath::now)
    }

    /// The most alerts of one execution; 100 by default.
    pub fn max_signals(&self) -> u64 {
        self.max_signals.unwrap_or(DEFAULT_MAX_SIGNALS)
    }

    /// The version of its content; 1 by default.
    pub fn version(&self) -> u64 {
        self.version.unwrap_or(1)
    }

    /// Free labels.
    pub fn tags(&self) -> &[String] {
        self.tags.as_deref().unwrap_or_default()
    }

    /// Who wrote it.
    pub fn author(&self) -> &[String] {
        self.author.as_deref().unwrap_or_default()
    }

    /// Pages about what it detects.
    pub fn references(&self) -> &[String] {
        self.references.as_deref().unwrap_or_default()
    }

    /// Harmless causes of alerts.
    pub fn false_positives(&self) -> &[String] {
        self.false_positives.as_deref().unwrap_or_default()
    }

    /// What it detects, in terms of an attack framework.
    pub fn threat(&self) -> &[ThreatEntry] {
        self.threat.as_deref().unwrap_or_default()
    }

    /// Risk scores taken from events.
    pub fn risk_score_mapping(&self) -> &[RiskScoreMapping] {
        self.risk_score_mapping.as_deref().unwrap_or_default()
    }

    /// Severities chosen by events.
    pub fn severity_mapping(&self) -> &[SeverityMapping] {
        self.severity_mapping.as_deref().unwrap_or_default()
    }

    /// The exception lists it obeys.
    pub fn exceptions_list(&self) -> &[ExceptionListReference] {
        self.exceptions_list.as_deref().unwrap_or_default()
    }

    /// What is sent where.
    pub fn actions(&self) -> &[Action] {
        self.actions.as_deref().unwrap_or_default()
    }

    /// What is done on hosts.
    pub fn response_actions(&self) -> &[ResponseAction] {
        self.response_actions.as_deref().unwrap_or_default()
    }

    /// The packages whose data it needs.
    pub fn related_integrations(&self) -> &[RelatedIntegration] {
        self.related_integrations.as_deref().unwrap_or_default()
    }

    /// The fields its events must have.
    pub fn required_fields(&self) -> &[RequiredField] {
        self.required_fields.as_deref().unwrap_or_default()
    }

    /// What must be set up for it to work; may be empty.
    pub fn setup(&self) -> &str {
        self.setup.as_deref().unwrap_or_default()
    }

    /// The fields an analyst looks at first.
    pub fn investigation_fields(&self) -> &[String] {
        self.investigation_fields.as_ref().map_or(&[], |fields| &fields.field_names)
    }

    /// Whether its alerts only feed other rules.
    pub const fn is_building_block(&self) -> bool {
        self.building_block_type.is_some()
    }

    /// Whether an event without the `timestamp_override` field is placed by its `@timestamp`.
    pub fn falls_back_to_timestamp(&self) -> bool {
        !self.timestamp_override_fallback_disabled.unwrap_or(false)
    }
}

/// The rule as the object of Elastic's API, made from what [`Rule`] has; nothing absent is filled in.
pub(crate) struct ApiObject<'r>(pub(crate) &'r Rule);

impl Serialize for ApiObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.0.write(&mut map)?;
        map.end()
    }
}
