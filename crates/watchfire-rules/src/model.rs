//! The rule model: every field of a rule, typed, whatever file it came from.
//!
//! [`Rule`] has the fields that all rules share, [`RuleKind`] those of each type. Around it stand what only one format
//! has: [`RuleMetadata`] and [`Transform`] (TOML), [`ExceptionContainer`], [`ExceptionItem`] and [`Connector`] (export
//! NDJSON). Absent stays apart from empty, so that what is written equals what was read; the methods of [`Rule`] tell
//! what counts for an absent field.
//!
//! The model knows nothing of what queries mean.

mod exceptions;
mod export;
mod foreign_keys;
mod free_form;
mod kind;
mod metadata;
mod names;
mod query_text;
mod response;
mod rule;
mod scores;
mod settings;
mod suppression;
mod table;
mod threat;
mod threshold;
mod time;
mod transform;

pub use exceptions::{
    Connector, EntryOperator, EntryTest, EntryType, ExceptionComment, ExceptionContainer, ExceptionEntry,
    ExceptionItem, ExceptionItemType, ExceptionServerFields, MissingRule, ValueListReference,
};
pub use export::{Export, ExportSummary};
pub use free_form::{FreeForm, KibanaFilter};
pub use kind::{
    EqlRule, EsqlRule, EventSource, JobIds, MAX_NEW_TERMS_FIELDS, MachineLearningRule, NewTermsRule,
    QueryRule, RuleKind, RuleType, SavedQueryRule, ThreatMatchRule, ThresholdRule,
};
pub use metadata::{Maturity, NotARepositoryDate, OneOrMore, RepositoryDate, RuleMetadata};
pub use names::UnknownName;
pub(crate) use names::named_values;
pub use query_text::{QueryLanguage, QueryText};
pub use response::{
    Action, ActionFrequency, EndpointCommand, EndpointResponse, NotifyWhen, OsqueryResponse, ResponseAction,
    ResponseActionType,
};
pub(crate) use rule::ApiObject;
pub use rule::{DEFAULT_MAX_SIGNALS, Rule, ServerFields};
pub use scores::{NotARiskScore, RiskScore, Severity};
pub use settings::{
    BuildingBlockType, ExceptionListReference, ExceptionListType, InvestigationFields, MappingOperator,
    NamespaceType, RelatedIntegration, RequiredField, RiskScoreMapping, RuleId, SeverityMapping, Throttle,
};
pub use suppression::{
    AlertSuppression, GroupByField, MAX_SUPPRESSION_FIELDS, MissingFieldsStrategy, SuppressionDuration,
    SuppressionUnit, ThresholdSuppression,
};
pub use threat::{Subtechnique, Tactic, Technique, ThreatEntry, tactic_place};
pub use threshold::{
    Cardinality, IndicatorEntry, IndicatorEntryType, IndicatorMapping, MAX_THRESHOLD_FIELDS, Threshold,
};
pub use time::{Anchor, DateMath, DateStep, DateUnit, Interval, IntervalUnit, NotAnInterval, NotDateMath};
pub use transform::{Investigation, OsqueryHunt, Provider, QueryType, Transform, ValueType};
