//! Cases of KQL.
