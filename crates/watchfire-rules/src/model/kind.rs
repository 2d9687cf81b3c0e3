//! What is particular to each of the eight rule types (detection-engine §1.2).

use serde::ser::SerializeMap;

use super::foreign_keys::report_keys_of_other_types;
use super::names::named_values;
use super::table::table_type;
use super::threshold::{IndicatorMapping, Threshold};
use super::{AlertSuppression, DateMath, KibanaFilter, QueryLanguage, QueryText, ThresholdSuppression};
use crate::codes;
use crate::document::Node;
use crate::document::reader::{Context, FromNode, TableReader};
use watchfire_diagnostics::Diagnostic;

/// The most fields a new-terms rule can have.
pub const MAX_NEW_TERMS_FIELDS: usize = 3;

named_values! {
    /// The type of a rule, which says what makes an alert.
    RuleType {
        /// Each event that fits a query.
        Query = "query",
        /// Each event that fits a query stored elsewhere.
        SavedQuery = "saved_query",
        /// Each event or sequence of events that fits an EQL query.
        Eql = "eql",
        /// Each bucket with enough events.
        Threshold = "threshold",
        /// Each event that shares a value with an indicator.
        ThreatMatch = "threat_match",
        /// Each value, or combination of values, not seen before.
        NewTerms = "new_terms",
        /// Each row of an ES|QL result.
        Esql = "esql",
        /// Each anomaly of a machine-learning job.
        MachineLearning = "machine_learning",
    }
}

table_type! {
    /// Which events the rule looks at, besides its query. If a data view is named, it wins over `index`; if neither is,
    /// the space's default patterns count.
    EventSource {
        /// Index patterns.
        optional "index" => index: Vec<String>,
        /// A data view instead.
        optional "data_view_id" => data_view_id: String,
        /// Kibana filters, all of which must hold.
        optional "filters" => filters: Vec<KibanaFilter>,
    }
}

impl EventSource {
    /// The index patterns; none means the default ones.
    pub fn index(&self) -> &[String] {
        self.index.as_deref().unwrap_or_default()
    }

    /// The filters.
    pub fn filters(&self) -> &[KibanaFilter] {
        self.filters.as_deref().unwrap_or_default()
    }
}

table_type! {
    /// A `query` rule.
    QueryRule {
        /// The query; absent means every event.
        optional "query" => query: QueryText,
        /// The language as stated; absent is KQL.
        optional "language" => language: QueryLanguage,
        /// The events.
        flat "" => source: EventSource,
        /// A saved query the rule was made from.
        optional "saved_id" => saved_id: String,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: AlertSuppression,
    }
}

table_type! {
    /// A `saved_query` rule: the saved query replaces the rule's own query, language and filters at each execution.
    SavedQueryRule {
        /// The saved query.
        text "saved_id" => saved_id: String,
        /// A copy of the query.
        optional "query" => query: QueryText,
        /// The language as stated; absent is KQL.
        optional "language" => language: QueryLanguage,
        /// The events.
        flat "" => source: EventSource,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: AlertSuppression,
    }
}

table_type! {
    /// An `eql` rule.
    EqlRule {
        /// The query.
        required "query" => query: QueryText,
        /// Always EQL.
        required "language" => language: QueryLanguage,
        /// The events.
        flat "" => source: EventSource,
        /// The field that is the event category; absent is `event.category`.
        optional "event_category_override" => event_category_override: String,
        /// The field that orders events of equal time.
        optional "tiebreaker_field" => tiebreaker_field: String,
        /// The field that orders events; absent is `@timestamp`.
        optional "timestamp_field" => timestamp_field: String,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: AlertSuppression,
    }
}

table_type! {
    /// A `threshold` rule.
    ThresholdRule {
        /// The query.
        required "query" => query: QueryText,
        /// The language as stated; absent is KQL.
        optional "language" => language: QueryLanguage,
        /// How many events, of what.
        required "threshold" => threshold: Threshold,
        /// The events.
        flat "" => source: EventSource,
        /// A saved query the rule was made from.
        optional "saved_id" => saved_id: String,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: ThresholdSuppression,
    }
}

table_type! {
    /// A `threat_match` (indicator match) rule.
    ThreatMatchRule {
        /// The query over events.
        required "query" => query: QueryText,
        /// The language as stated; absent is KQL.
        optional "language" => language: QueryLanguage,
        /// The query over indicators.
        required "threat_query" => threat_query: QueryText,
        /// Its language as stated; absent is KQL.
        optional "threat_language" => threat_language: QueryLanguage,
        /// Which fields must be equal: an OR of ANDs.
        required "threat_mapping" => threat_mapping: Vec<IndicatorMapping>,
        /// Where the indicators are.
        required "threat_index" => threat_index: Vec<String>,
        /// Filters over indicators.
        optional "threat_filters" => threat_filters: Vec<KibanaFilter>,
        /// Where an indicator document keeps the indicator; absent is `threat.indicator`.
        optional "threat_indicator_path" => threat_indicator_path: String,
        /// Searches at the same time; a matter of tuning.
        optional "concurrent_searches" => concurrent_searches: u64,
        /// Indicators of one search; a matter of tuning.
        optional "items_per_search" => items_per_search: u64,
        /// The events.
        flat "" => source: EventSource,
        /// A saved query the rule was made from.
        optional "saved_id" => saved_id: String,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: AlertSuppression,
    }
}

impl ThreatMatchRule {
    /// Where an indicator document keeps the indicator.
    pub fn indicator_path(&self) -> &str {
        self.threat_indicator_path.as_deref().unwrap_or("threat.indicator")
    }

    /// The filters over indicators.
    pub fn threat_filters(&self) -> &[KibanaFilter] {
        self.threat_filters.as_deref().unwrap_or_default()
    }
}

table_type! {
    /// A `new_terms` rule.
    NewTermsRule {
        /// The query.
        required "query" => query: QueryText,
        /// The language as stated; absent is KQL.
        optional "language" => language: QueryLanguage,
        /// The fields whose combination of values must be new; 1 to 3.
        required "new_terms_fields" => new_terms_fields: Vec<String>,
        /// How far back a value counts as known.
        required "history_window_start" => history_window_start: DateMath,
        /// The events.
        flat "" => source: EventSource,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: AlertSuppression,
    }
}

table_type! {
    /// An `esql` rule; its query says itself where the events come from.
    EsqlRule {
        /// The query.
        required "query" => query: QueryText,
        /// Always ES|QL.
        required "language" => language: QueryLanguage,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: AlertSuppression,
    }
}

/// Job ids, of which a rule may name one as a plain string.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JobIds(pub Vec<String>);

impl FromNode for JobIds {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        match node.as_text() {
            Some(one) => Some(Self(vec![one.to_owned()])),
            None => Vec::from_node(node, path, cx).map(Self),
        }
    }
}

table_type! {
    /// A `machine_learning` rule.
    MachineLearningRule {
        /// The least anomaly score that alerts.
        required "anomaly_threshold" => anomaly_threshold: u32,
        /// The jobs.
        required "machine_learning_job_id" => machine_learning_job_id: JobIds,
        /// Suppression.
        optional "alert_suppression" => alert_suppression: AlertSuppression,
    }
}

/// The type of a rule with what belongs to it.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is described at its type")]
pub enum RuleKind {
    Query(QueryRule),
    SavedQuery(SavedQueryRule),
    Eql(EqlRule),
    Threshold(ThresholdRule),
    ThreatMatch(ThreatMatchRule),
    NewTerms(NewTermsRule),
    Esql(EsqlRule),
    MachineLearning(MachineLearningRule),
}

impl RuleKind {
    /// The type.
    pub const fn rule_type(&self) -> RuleType {
        match self {
            Self::Query(_) => RuleType::Query,
            Self::SavedQuery(_) => RuleType::SavedQuery,
            Self::Eql(_) => RuleType::Eql,
            Self::Threshold(_) => RuleType::Threshold,
            Self::ThreatMatch(_) => RuleType::ThreatMatch,
            Self::NewTerms(_) => RuleType::NewTerms,
            Self::Esql(_) => RuleType::Esql,
            Self::MachineLearning(_) => RuleType::MachineLearning,
        }
    }

    /// The query over events; machine-learning rules have none, and `query` rules may leave it out.
    pub const fn query(&self) -> Option<&QueryText> {
        match self {
            Self::Query(QueryRule { query, .. }) | Self::SavedQuery(SavedQueryRule { query, .. }) => {
                query.as_ref()
            }
            Self::Eql(EqlRule { query, .. })
            | Self::Threshold(ThresholdRule { query, .. })
            | Self::ThreatMatch(ThreatMatchRule { query, .. })
            | Self::NewTerms(NewTermsRule { query, .. })
            | Self::Esql(EsqlRule { query, .. }) => Some(query),
            Self::MachineLearning(_) => None,
        }
    }

    /// The language of the query over events, stated or by default; machine-learning rules have none.
    pub fn language(&self) -> Option<QueryLanguage> {
        match self {
            Self::Query(QueryRule { language, .. })
            | Self::SavedQuery(SavedQueryRule { language, .. })
            | Self::Threshold(ThresholdRule { language, .. })
            | Self::ThreatMatch(ThreatMatchRule { language, .. })
            | Self::NewTerms(NewTermsRule { language, .. }) => Some(language.unwrap_or(QueryLanguage::Kql)),
            Self::Eql(_) => Some(QueryLanguage::Eql),
            Self::Esql(_) => Some(QueryLanguage::Esql),
            Self::MachineLearning(_) => None,
        }
    }

    /// The field that an EQL rule takes for the event category, if it says so.
    pub fn event_category_field(&self) -> Option<&str> {
        match self {
            Self::Eql(rule) => rule.event_category_override.as_deref(),
            _ => None,
        }
    }

    /// Which events the rule looks at; ES|QL and machine-learning rules say it elsewhere.
    pub const fn source(&self) -> Option<&EventSource> {
        match self {
            Self::Query(QueryRule { source, .. })
            | Self::SavedQuery(SavedQueryRule { source, .. })
            | Self::Eql(EqlRule { source, .. })
            | Self::Threshold(ThresholdRule { source, .. })
            | Self::ThreatMatch(ThreatMatchRule { source, .. })
            | Self::NewTerms(NewTermsRule { source, .. }) => Some(source),
            Self::Esql(_) | Self::MachineLearning(_) => None,
        }
    }

    /// The suppression of all types but threshold.
    pub const fn alert_suppression(&self) -> Option<&AlertSuppression> {
        match self {
            Self::Query(QueryRule { alert_suppression, .. })
            | Self::SavedQuery(SavedQueryRule { alert_suppression, .. })
            | Self::Eql(EqlRule { alert_suppression, .. })
            | Self::ThreatMatch(ThreatMatchRule { alert_suppression, .. })
            | Self::NewTerms(NewTermsRule { alert_suppression, .. })
            | Self::Esql(EsqlRule { alert_suppression, .. })
            | Self::MachineLearning(MachineLearningRule { alert_suppression, .. }) => {
                alert_suppression.as_ref()
            }
            Self::Threshold(_) => None,
        }
    }

    /// Reads the type and its keys from a rule's table.
    pub(crate) fn read(reader: &mut TableReader<'_>, cx: &mut Context<'_>) -> Option<Self> {
        let rule_type: RuleType = reader.required("type", cx)?;
        let kind = match rule_type {
            RuleType::Query => QueryRule::read(reader, cx).map(Self::Query),
            RuleType::SavedQuery => SavedQueryRule::read(reader, cx).map(Self::SavedQuery),
            RuleType::Eql => EqlRule::read(reader, cx).map(Self::Eql),
            RuleType::Threshold => ThresholdRule::read(reader, cx).map(Self::Threshold),
            RuleType::ThreatMatch => ThreatMatchRule::read(reader, cx).map(Self::ThreatMatch),
            RuleType::NewTerms => NewTermsRule::read(reader, cx).map(Self::NewTerms),
            RuleType::Esql => EsqlRule::read(reader, cx).map(Self::Esql),
            RuleType::MachineLearning => MachineLearningRule::read(reader, cx).map(Self::MachineLearning),
        };
        report_keys_of_other_types(rule_type, reader, cx);
        let mut kind = kind?;
        kind.check(reader, cx);
        kind.settle_languages();
        Some(kind)
    }

    /// What the types of the values cannot express.
    fn check(&self, reader: &mut TableReader<'_>, cx: &mut Context<'_>) {
        let allowed: &[QueryLanguage] = match self {
            Self::Eql(_) => &[QueryLanguage::Eql],
            Self::Esql(_) => &[QueryLanguage::Esql],
            _ => &[QueryLanguage::Kql, QueryLanguage::Lucene],
        };
        for key in ["language", "threat_language"] {
            if !reader.has(key) || (key == "threat_language" && self.rule_type() != RuleType::ThreatMatch) {
                continue;
            }
            let Some(node) = reader.node(key) else { continue };
            let stated = node.as_text().and_then(|text| text.parse().ok());
            if stated.is_some_and(|stated| !allowed.contains(&stated)) && self.language().is_some() {
                let names: Vec<String> = allowed.iter().map(|one| format!("`{one}`")).collect();
                let why = format!("a rule of type `{}` needs {}", self.rule_type(), names.join(" or "));
                cx.bad_value(node, &reader.path_of(key), why);
            }
        }
        match self {
            Self::NewTerms(NewTermsRule { new_terms_fields: fields, .. })
                if fields.is_empty() || fields.len() > MAX_NEW_TERMS_FIELDS =>
            {
                let why = format!("1 to {MAX_NEW_TERMS_FIELDS} fields are allowed, found {}", fields.len());
                let path = reader.path_of("new_terms_fields");
                match reader.node("new_terms_fields") {
                    Some(node) => cx.bad_value(node, &path, why),
                    None => cx.report(Diagnostic::error(codes::BAD_VALUE, format!("`{path}`: {why}"))),
                }
            }
            Self::ThreatMatch(rule) => {
                for (key, empty) in [
                    ("threat_mapping", rule.threat_mapping.is_empty()),
                    ("threat_index", rule.threat_index.is_empty()),
                ] {
                    if let (true, Some(node)) = (empty, reader.node(key)) {
                        cx.bad_value(node, &reader.path_of(key), "must not be empty");
                    }
                }
            }
            Self::MachineLearning(rule) if rule.anomaly_threshold > 100 => {
                if let Some(node) = reader.node("anomaly_threshold") {
                    cx.bad_value(node, &reader.path_of("anomaly_threshold"), "is not between 0 and 100");
                }
            }
            _ => {}
        }
    }

    /// Gives the queries the language that was stated beside them, or is their default.
    fn settle_languages(&mut self) {
        let language = self.language();
        let query = match self {
            Self::Query(QueryRule { query, .. }) | Self::SavedQuery(SavedQueryRule { query, .. }) => {
                query.as_mut()
            }
            Self::ThreatMatch(ThreatMatchRule { query, threat_query, threat_language, .. }) => {
                threat_query.language = threat_language.unwrap_or(QueryLanguage::Kql);
                Some(query)
            }
            Self::Eql(EqlRule { query, .. })
            | Self::Threshold(ThresholdRule { query, .. })
            | Self::NewTerms(NewTermsRule { query, .. })
            | Self::Esql(EsqlRule { query, .. }) => Some(query),
            Self::MachineLearning(_) => None,
        };
        if let (Some(query), Some(language)) = (query, language) {
            query.language = language;
        }
    }

    /// Writes the type and its keys.
    pub(crate) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("type", &self.rule_type())?;
        match self {
            Self::Query(rule) => rule.write(map),
            Self::SavedQuery(rule) => rule.write(map),
            Self::Eql(rule) => rule.write(map),
            Self::Threshold(rule) => rule.write(map),
            Self::ThreatMatch(rule) => rule.write(map),
            Self::NewTerms(rule) => rule.write(map),
            Self::Esql(rule) => rule.write(map),
            Self::MachineLearning(rule) => rule.write(map),
        }
    }
}

impl FromNode for QueryText {
    /// The language is settled by the rule.
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let text = String::from_node(node, path, cx)?;
        let span_map = crate::document::string_map::map_string(cx.source, node.span, cx.syntax, &text);
        Some(Self { text, language: QueryLanguage::Kql, span: node.span, span_map })
    }
}
