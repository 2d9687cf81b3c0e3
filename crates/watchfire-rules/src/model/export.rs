//! What an export of rules holds beside them, and the summary at its end (detection-engine §1.4).

use super::table::table_type;
use super::{Connector, ExceptionContainer, ExceptionItem, FreeForm, MissingRule, Rule};

/// The objects of an export, in the order in which they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Exception lists, to which rules refer.
    pub exception_lists: Vec<ExceptionContainer>,
    /// The items of these lists.
    pub exception_items: Vec<ExceptionItem>,
    /// Connectors, to which actions of rules refer. Their secrets are never exported.
    pub connectors: Vec<Connector>,
    /// Rules that were asked for and not found.
    pub missing_rules: Vec<MissingRule>,
}

table_type! {
    /// The last line of an export: how many objects it holds, and what it should hold and does not. An export of
    /// exception lists has only some of the keys.
    ExportSummary {
        /// Objects of all kinds.
        optional "exported_count" => exported_count: u64,
        /// Rules.
        optional "exported_rules_count" => exported_rules_count: u64,
        /// Rules that were not found.
        optional "missing_rules" => missing_rules: Vec<MissingRule>,
        /// Their number.
        optional "missing_rules_count" => missing_rules_count: u64,
        /// Exception lists.
        optional "exported_exception_list_count" => exported_exception_list_count: u64,
        /// Exception items.
        optional "exported_exception_list_item_count" => exported_exception_list_item_count: u64,
        /// Exception lists that were not found.
        optional "missing_exception_lists" => missing_exception_lists: Vec<FreeForm>,
        /// Their number.
        optional "missing_exception_lists_count" => missing_exception_lists_count: u64,
        /// Exception items that were not found.
        optional "missing_exception_list_items" => missing_exception_list_items: Vec<FreeForm>,
        /// Their number.
        optional "missing_exception_list_items_count" => missing_exception_list_items_count: u64,
        /// Connectors.
        optional "exported_action_connector_count" => exported_action_connector_count: u64,
        /// How many connectors were not found.
        optional "missing_action_connection_count" => missing_action_connection_count: u64,
        /// Which.
        optional "missing_action_connections" => missing_action_connections: Vec<FreeForm>,
        /// How many connectors were left out on purpose.
        optional "excluded_action_connection_count" => excluded_action_connection_count: u64,
        /// Which.
        optional "excluded_action_connections" => excluded_action_connections: Vec<FreeForm>,
    }
}
