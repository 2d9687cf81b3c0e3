//! What happens when the rule has made alerts: actions through connectors, and response actions on hosts.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::FreeForm;
use super::names::named_values;
use super::table::table_type;
use crate::document::Node;
use crate::document::reader::{Context, FromNode, TableReader};

named_values! {
    /// When an action runs.
    NotifyWhen {
        /// Whenever there are alerts.
        OnActiveAlert = "onActiveAlert",
        /// At most once in the throttle period.
        OnThrottleInterval = "onThrottleInterval",
        /// When the set of alerts changes; older rules of other applications.
        OnActionGroupChange = "onActionGroupChange",
    }
}

table_type! {
    /// How often an action runs (detection-engine §6.1).
    ActionFrequency {
        /// One message for all alerts, instead of one for each.
        required "summary" => summary: bool,
        /// On what occasion.
        required "notifyWhen" => notify_when: NotifyWhen,
        /// The period of `onThrottleInterval`, such as `1h`.
        nullable "throttle" => throttle: String,
    }
}

table_type! {
    /// A message through a connector (detection-engine §6.1).
    Action {
        /// The connector.
        text "id" => id: String,
        /// The connector's type, such as `.webhook`.
        text "action_type_id" => action_type_id: String,
        /// Always `default` in detection rules; absent for system actions.
        optional "group" => group: String,
        /// The connector's parameters, texts with mustache templates.
        required "params" => params: FreeForm,
        /// The identity of the action within the rule.
        optional "uuid" => uuid: String,
        /// How often it runs; absent for system actions.
        optional "frequency" => frequency: ActionFrequency,
        /// Which alerts count.
        optional "alerts_filter" => alerts_filter: FreeForm,
    }
}

table_type! {
    /// Runs Osquery on the hosts of the alerts.
    OsqueryResponse {
        /// The query.
        optional "query" => query: String,
        /// A stored query instead.
        optional "saved_query_id" => saved_query_id: String,
        /// A pack of queries instead.
        optional "pack_id" => pack_id: String,
        /// The queries of the pack.
        optional "queries" => queries: FreeForm,
        /// From result columns to ECS fields.
        optional "ecs_mapping" => ecs_mapping: FreeForm,
        /// Seconds until the query is given up, 60 to 900.
        optional "timeout" => timeout: u64,
    }
}

named_values! {
    /// What Elastic Endpoint is told to do.
    EndpointCommand {
        /// Cut the host off the network.
        Isolate = "isolate",
        /// End a process.
        KillProcess = "kill-process",
        /// Stop a process.
        SuspendProcess = "suspend-process",
        /// Run a script.
        RunScript = "runscript",
    }
}

table_type! {
    /// Has Elastic Endpoint act on the hosts of the alerts.
    EndpointResponse {
        /// What to do.
        required "command" => command: EndpointCommand,
        /// Why, for the record.
        optional "comment" => comment: String,
        /// Which process or script.
        optional "config" => config: FreeForm,
    }
}

/// An automatic response on the hosts of the alerts (detection-engine §6.2).
#[derive(Clone, Debug, PartialEq)]
pub enum ResponseAction {
    /// `.osquery`
    Osquery(OsqueryResponse),
    /// `.endpoint`
    Endpoint(EndpointResponse),
}

named_values! {
    /// The kind of response action.
    ResponseActionType {
        /// Runs a query.
        Osquery = ".osquery",
        /// Acts.
        Endpoint = ".endpoint",
    }
}

impl ResponseAction {
    /// Which kind it is.
    pub const fn action_type(&self) -> ResponseActionType {
        match self {
            Self::Osquery(_) => ResponseActionType::Osquery,
            Self::Endpoint(_) => ResponseActionType::Endpoint,
        }
    }
}

impl FromNode for ResponseAction {
    fn from_node(node: &Node, path: &str, cx: &mut Context<'_>) -> Option<Self> {
        let mut reader = TableReader::new(node, path, cx)?;
        let action = match reader.required::<ResponseActionType>("action_type_id", cx) {
            Some(ResponseActionType::Osquery) => reader.required("params", cx).map(Self::Osquery),
            Some(ResponseActionType::Endpoint) => reader.required("params", cx).map(Self::Endpoint),
            None => {
                reader.allow(&["params"]);
                None
            }
        };
        reader.finish(cx);
        action
    }
}

impl Serialize for ResponseAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("action_type_id", &self.action_type())?;
        match self {
            Self::Osquery(params) => map.serialize_entry("params", params)?,
            Self::Endpoint(params) => map.serialize_entry("params", params)?,
        }
        map.end()
    }
}
