//! Which fields each source can give: for the schema catalogue, and for finding rules that name a field no source has.

use std::sync::LazyLock;

use watchfire_events::FieldType;
use watchfire_ir::Catalogue;

use super::SourceKind;
use super::tables::{self, TableRef};
use FieldType::{Boolean, Date, Double, Keyword, Long, MatchOnlyText, Nested, Object, Text, UnsignedLong};

/// A field and its type.
pub type TypedField = (&'static str, FieldType);

/// What one source gives.
#[derive(Clone, Copy, Debug)]
pub struct SourceFields {
    /// The source.
    pub source: SourceKind,
    /// The data streams that its documents go to, as an index pattern.
    pub data_stream_pattern: &'static str,
    /// Fields that ECS does not have, with their types, in groups that several sources share.
    pub fields: &'static [&'static [TypedField]],
    /// Fields whose name begins with one of these have this type, unless they are in `fields`.
    pub prefixes: &'static [TypedField],
    /// ECS fields that the source can give, in groups; a name that ends in a dot stands for all ECS fields below it.
    pub ecs_fields: &'static [&'static [&'static str]],
}

impl SourceFields {
    /// The fields that ECS does not have, with their types.
    pub fn typed_fields(&self) -> impl Iterator<Item = TypedField> {
        self.fields.iter().flat_map(|group| group.iter().copied())
    }

    /// The names in [`SourceFields::ecs_fields`].
    pub fn ecs_names(&self) -> impl Iterator<Item = &'static str> {
        self.ecs_fields.iter().flat_map(|group| group.iter().copied())
    }

    /// The type of a field that ECS does not have, if the source can give it.
    pub fn field_type(&self, name: &str) -> Option<FieldType> {
        let exact = self.typed_fields().find(|(field, _)| *field == name).map(|(_, field_type)| field_type);
        exact.or_else(|| {
            let fitting = self.prefixes.iter().filter(|(prefix, _)| name.starts_with(prefix));
            fitting.max_by_key(|(prefix, _)| prefix.len()).map(|&(_, field_type)| field_type)
        })
    }

    /// Whether the source can give a field, be it of ECS or not.
    pub fn gives(&self, name: &str) -> bool {
        self.field_type(name).is_some()
            || self
                .ecs_names()
                .any(|field| field == name || (field.ends_with('.') && name.starts_with(field)))
    }
}

/// The table of every source that has fields of its own. Documents of [`SourceKind::Ecs`] may have any field of ECS,
/// and those of [`SourceKind::Unrecognised`] any field at all.
pub fn fields() -> &'static [SourceFields] {
    static ALL: LazyLock<Vec<SourceFields>> = LazyLock::new(|| {
        let tables = tables::builtin().iter().map(|table| *table.fields());
        SOURCES.iter().copied().chain(tables).collect()
    });
    &ALL
}

/// The schema of normalised events: the common one and what the sources add to it.
pub fn catalogue() -> Catalogue {
    catalogue_with(&[])
}

/// As [`catalogue`], with what the user's own sources add.
pub fn catalogue_with(own: &[TableRef]) -> Catalogue {
    let mut catalogue = Catalogue::ecs();
    for source in fields().iter().chain(own.iter().map(|table| table.fields())) {
        add(source, &mut catalogue);
    }
    catalogue
}

/// The schema without the sources that are tables: what it has, they do not give another type.
pub(super) fn declared() -> &'static Catalogue {
    static DECLARED: LazyLock<Catalogue> = LazyLock::new(|| {
        let mut catalogue = Catalogue::ecs();
        SOURCES.iter().for_each(|source| add(source, &mut catalogue));
        catalogue
    });
    &DECLARED
}

fn add(source: &SourceFields, catalogue: &mut Catalogue) {
    for (name, field_type) in source.typed_fields() {
        catalogue.insert(name, field_type);
    }
    for &(prefix, field_type) in source.prefixes {
        catalogue.insert_prefix(prefix, field_type);
    }
}

const SOURCES: &[SourceFields] = &[
    SourceFields {
        source: SourceKind::Sysmon,
        data_stream_pattern: "logs-windows.sysmon_operational-*",
        fields: &[WINLOG, SYSMON],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS, SYSMON_ECS],
    },
    SourceFields {
        source: SourceKind::WindowsSecurity,
        data_stream_pattern: "logs-system.security-*",
        fields: &[WINLOG, SECURITY],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS, SECURITY_ECS],
    },
    SourceFields {
        source: SourceKind::WindowsPowerShell,
        data_stream_pattern: "logs-windows.powershell-*",
        fields: &[WINLOG, POWERSHELL],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS, POWERSHELL_ECS],
    },
    SourceFields {
        source: SourceKind::WindowsPowerShellOperational,
        data_stream_pattern: "logs-windows.powershell_operational-*",
        fields: &[WINLOG, POWERSHELL],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS, POWERSHELL_ECS],
    },
    SourceFields {
        source: SourceKind::WindowsSystem,
        data_stream_pattern: "logs-system.system-*",
        fields: &[WINLOG],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS],
    },
    SourceFields {
        source: SourceKind::WindowsApplication,
        data_stream_pattern: "logs-system.application-*",
        fields: &[WINLOG],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS],
    },
    SourceFields {
        source: SourceKind::WindowsDefender,
        data_stream_pattern: "logs-windows.windows_defender-*",
        fields: &[WINLOG],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS, &["event.category", "event.type", "user.id", "user.name"]],
    },
    SourceFields {
        source: SourceKind::WindowsForwarded,
        data_stream_pattern: "logs-windows.forwarded-*",
        fields: &[WINLOG, SYSMON, SECURITY, POWERSHELL],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS, SYSMON_ECS, SECURITY_ECS, POWERSHELL_ECS],
    },
    SourceFields {
        source: SourceKind::SysmonLinux,
        data_stream_pattern: "logs-sysmon_linux.log-*",
        fields: &[WINLOG],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS],
    },
    SourceFields {
        source: SourceKind::Winlogbeat,
        data_stream_pattern: "winlogbeat-*",
        fields: &[WINLOG, SYSMON, SECURITY, POWERSHELL],
        prefixes: WINDOWS_DATA,
        ecs_fields: &[WINDOWS_ECS, SYSMON_ECS, SECURITY_ECS, POWERSHELL_ECS],
    },
    SourceFields {
        source: SourceKind::ElasticDefend,
        data_stream_pattern: "logs-endpoint.*",
        fields: &[ENDPOINT],
        prefixes: ENDPOINT_PREFIXES,
        ecs_fields: &[ENDPOINT_ECS],
    },
    SourceFields {
        source: SourceKind::Endgame,
        data_stream_pattern: "endgame-*",
        fields: &[],
        prefixes: &[("endgame.", Keyword)],
        ecs_fields: &[ENDGAME_ECS],
    },
];

const WINDOWS_DATA: &[TypedField] = &[
    ("winlog.event_data.", Keyword),
    ("winlog.user_data.", Keyword),
    ("nxlog.", Keyword),
    ("sentinel.", Keyword),
];

/// What every Windows event has, whatever its channel.
const WINLOG: &[TypedField] = &[
    ("winlog.activity_id", Keyword),
    ("winlog.api", Keyword),
    ("winlog.channel", Keyword),
    ("winlog.computer_name", Keyword),
    ("winlog.event_id", Keyword),
    ("winlog.keywords", Keyword),
    ("winlog.level", Keyword),
    ("winlog.opcode", Keyword),
    ("winlog.outcome", Keyword),
    ("winlog.process.pid", Long),
    ("winlog.process.thread.id", Long),
    ("winlog.provider_guid", Keyword),
    ("winlog.provider_name", Keyword),
    ("winlog.record_id", Keyword),
    ("winlog.related_activity_id", Keyword),
    ("winlog.task", Keyword),
    ("winlog.time_created", Date),
    ("winlog.user.domain", Keyword),
    ("winlog.user.identifier", Keyword),
    ("winlog.user.name", Keyword),
    ("winlog.user.type", Keyword),
    ("winlog.version", Long),
];

const WINDOWS_ECS: &[&str] = &[
    "@timestamp",
    "agent.",
    "data_stream.dataset",
    "data_stream.namespace",
    "data_stream.type",
    "ecs.version",
    "event.action",
    "event.code",
    "event.created",
    "event.dataset",
    "event.kind",
    "event.module",
    "event.original",
    "event.outcome",
    "event.provider",
    "host.hostname",
    "host.id",
    "host.name",
    "host.os.family",
    "host.os.type",
    "log.level",
    "message",
    "tags",
];

const SYSMON: &[TypedField] = &[
    ("file.code_signature.signed", Boolean),
    ("sysmon.dns.status", Keyword),
    ("sysmon.file.archived", Boolean),
    ("sysmon.file.is_executable", Boolean),
];

const SYSMON_ECS: &[&str] = &[
    "destination.domain",
    "destination.ip",
    "destination.port",
    "destination.registered_domain",
    "destination.subdomain",
    "destination.top_level_domain",
    "dll.code_signature.status",
    "dll.code_signature.subject_name",
    "dll.code_signature.trusted",
    "dll.hash.",
    "dll.name",
    "dll.path",
    "dll.pe.imphash",
    "dll.pe.original_file_name",
    "dns.answers.data",
    "dns.answers.type",
    "dns.question.name",
    "dns.question.registered_domain",
    "dns.question.subdomain",
    "dns.question.top_level_domain",
    "dns.resolved_ip",
    "error.code",
    "event.category",
    "event.type",
    "file.code_signature.status",
    "file.code_signature.subject_name",
    "file.code_signature.trusted",
    "file.code_signature.valid",
    "file.directory",
    "file.extension",
    "file.hash.",
    "file.name",
    "file.path",
    "file.pe.",
    "network.direction",
    "network.protocol",
    "network.transport",
    "network.type",
    "process.args",
    "process.args_count",
    "process.command_line",
    "process.entity_id",
    "process.executable",
    "process.hash.",
    "process.name",
    "process.parent.args",
    "process.parent.args_count",
    "process.parent.command_line",
    "process.parent.entity_id",
    "process.parent.executable",
    "process.parent.name",
    "process.parent.pid",
    "process.pe.",
    "process.pid",
    "process.thread.id",
    "process.working_directory",
    "registry.data.strings",
    "registry.data.type",
    "registry.hive",
    "registry.key",
    "registry.path",
    "registry.value",
    "related.hash",
    "related.hosts",
    "related.ip",
    "related.user",
    "rule.name",
    "source.domain",
    "source.ip",
    "source.port",
    "source.registered_domain",
    "source.subdomain",
    "source.top_level_domain",
    "user.domain",
    "user.id",
    "user.name",
];

const SECURITY: &[TypedField] = &[
    ("winlog.computerObject.domain", Keyword),
    ("winlog.computerObject.id", Keyword),
    ("winlog.computerObject.name", Keyword),
    ("winlog.logon.failure.reason", Keyword),
    ("winlog.logon.failure.status", Keyword),
    ("winlog.logon.failure.sub_status", Keyword),
    ("winlog.logon.id", Keyword),
    ("winlog.logon.type", Keyword),
    ("winlog.scheduled_task.actions.arguments", Keyword),
    ("winlog.scheduled_task.actions.class_id", Keyword),
    ("winlog.scheduled_task.actions.command", Keyword),
    ("winlog.scheduled_task.actions.context", Keyword),
    ("winlog.scheduled_task.actions.definition", Keyword),
    ("winlog.scheduled_task.actions.type", Keyword),
    ("winlog.scheduled_task.actions.working_directory", Keyword),
    ("winlog.scheduled_task.name", Keyword),
    ("winlog.scheduled_task.principals.group.identifier", Keyword),
    ("winlog.scheduled_task.principals.id", Keyword),
    ("winlog.scheduled_task.principals.logon.type", Keyword),
    ("winlog.scheduled_task.principals.run_level", Keyword),
    ("winlog.scheduled_task.principals.user.identifier", Keyword),
    ("winlog.scheduled_task.settings.enabled", Boolean),
    ("winlog.scheduled_task.settings.hidden", Boolean),
    ("winlog.scheduled_task.triggers.definition", Keyword),
    ("winlog.scheduled_task.triggers.enabled", Boolean),
    ("winlog.scheduled_task.triggers.repetition.duration", Keyword),
    ("winlog.scheduled_task.triggers.repetition.interval", Keyword),
    ("winlog.scheduled_task.triggers.repetition.stop_at_duration_end", Boolean),
    ("winlog.scheduled_task.triggers.type", Keyword),
    ("winlog.scheduled_task.uri", Keyword),
    ("winlog.trustAttribute", Keyword),
    ("winlog.trustDirection", Keyword),
    ("winlog.trustType", Keyword),
];

const SECURITY_ECS: &[&str] = &[
    "destination.ip",
    "destination.port",
    "event.category",
    "event.type",
    "file.directory",
    "file.extension",
    "file.name",
    "file.path",
    "file.target_path",
    "group.domain",
    "group.id",
    "group.name",
    "network.direction",
    "network.iana_number",
    "network.transport",
    "process.args",
    "process.args_count",
    "process.command_line",
    "process.executable",
    "process.name",
    "process.parent.executable",
    "process.parent.name",
    "process.parent.pid",
    "process.pid",
    "related.ip",
    "related.user",
    "service.name",
    "service.type",
    "source.domain",
    "source.ip",
    "source.port",
    "source.registered_domain",
    "source.subdomain",
    "source.top_level_domain",
    "user.changes.name",
    "user.domain",
    "user.effective.domain",
    "user.effective.id",
    "user.effective.name",
    "user.id",
    "user.name",
    "user.target.domain",
    "user.target.group.domain",
    "user.target.group.id",
    "user.target.group.name",
    "user.target.id",
    "user.target.name",
];

const POWERSHELL: &[TypedField] = &[
    ("powershell.command.invocation_details.name", Keyword),
    ("powershell.command.invocation_details.related_command", Keyword),
    ("powershell.command.invocation_details.type", Keyword),
    ("powershell.command.invocation_details.value", Text),
    ("powershell.command.name", Keyword),
    ("powershell.command.path", Keyword),
    ("powershell.command.type", Keyword),
    ("powershell.command.value", Text),
    ("powershell.engine.new_state", Keyword),
    ("powershell.engine.previous_state", Keyword),
    ("powershell.engine.version", Keyword),
    ("powershell.file.script_block_entropy_bits", Double),
    ("powershell.file.script_block_id", Keyword),
    ("powershell.file.script_block_length", Long),
    ("powershell.file.script_block_signature", Keyword),
    ("powershell.file.script_block_surprisal_stdev", Double),
    ("powershell.file.script_block_text", Text),
    ("powershell.file.script_block_unique_symbols", Long),
    ("powershell.id", Keyword),
    ("powershell.pipeline_id", Keyword),
    ("powershell.process.executable_version", Keyword),
    ("powershell.provider.name", Keyword),
    ("powershell.provider.new_state", Keyword),
    ("powershell.runspace_id", Keyword),
    ("powershell.sequence", Long),
    ("powershell.total", Long),
];

const POWERSHELL_ECS: &[&str] = &[
    "destination.user.domain",
    "destination.user.name",
    "event.category",
    "event.sequence",
    "event.type",
    "file.directory",
    "file.extension",
    "file.name",
    "file.path",
    "process.args",
    "process.args_count",
    "process.command_line",
    "process.entity_id",
    "process.title",
    "related.user",
    "source.user.domain",
    "source.user.name",
    "user.domain",
    "user.id",
    "user.name",
];

/// Fields of Elastic Defend whose type is not that of their prefix, or that stand under no prefix.
const ENDPOINT: &[TypedField] = &[
    ("Endpoint.policy.applied.id", Keyword),
    ("Persistence.keepalive", Boolean),
    ("Persistence.runatload", Boolean),
    ("Target.process.Ext.created_suspended", Boolean),
    ("Target.process.pid", Long),
    ("Target.process.thread.id", Long),
    ("dll.Ext.code_signature", Nested),
    ("dll.Ext.load_index", UnsignedLong),
    ("dll.Ext.relative_file_creation_time", Double),
    ("dll.Ext.relative_file_name_modify_time", Double),
    ("dll.Ext.size", UnsignedLong),
    ("file.Ext.code_signature", Nested),
    ("file.Ext.entropy", Double),
    ("file.Ext.monotonic_id", UnsignedLong),
    ("file.Ext.windows.zone_identifier", Long),
    ("process.Ext.api.metadata.background_callcount", UnsignedLong),
    ("process.Ext.api.metadata.client_is_local", Boolean),
    ("process.Ext.api.metadata.client_process_id", UnsignedLong),
    ("process.Ext.api.metadata.ms_since_last_keyevent", UnsignedLong),
    ("process.Ext.api.parameters.address", UnsignedLong),
    ("process.Ext.api.parameters.desired_access_numeric", Long),
    ("process.Ext.api.parameters.io_control_code", UnsignedLong),
    ("process.Ext.api.parameters.size", UnsignedLong),
    ("process.Ext.code_signature", Nested),
    ("process.Ext.created_suspended", Boolean),
    ("process.Ext.effective_parent.pid", Long),
    ("process.Ext.relative_file_creation_time", Double),
    ("process.Ext.relative_file_name_modify_time", Double),
    ("process.Ext.session_info.relative_logon_time", Double),
    ("process.Ext.session_info.relative_password_age", Double),
    ("process.Ext.token.elevation", Boolean),
    ("process.parent.Ext.code_signature", Nested),
    ("process.parent.Ext.real.pid", Long),
    ("process.parent.thread.Ext.call_stack", Object),
    ("process.parent.thread.Ext.call_stack_contains_unbacked", Boolean),
    ("process.thread.Ext.call_stack", Object),
    ("process.thread.Ext.call_stack_contains_unbacked", Boolean),
    ("process.thread.Ext.call_stack_final_user_module.allocation_private_bytes", UnsignedLong),
    ("process.thread.Ext.call_stack_final_user_module.code_signature", Nested),
    ("process.thread.Ext.hardware_breakpoint_set", Boolean),
    ("process.thread.Ext.start_address", UnsignedLong),
    ("rule.reference", Keyword),
    ("event.Ext.correlation.id", Keyword),
    ("registry.data.text", MatchOnlyText),
];

const ENDPOINT_PREFIXES: &[TypedField] = &[
    ("Effective_process.", Keyword),
    ("Endpoint.", Keyword),
    ("Events.", Keyword),
    ("Memory_protection.", Keyword),
    ("Persistence.", Keyword),
    ("Ransomware.", Keyword),
    ("Responses.", Keyword),
    ("Tcc.", Keyword),
    ("Target.", Keyword),
    ("destination.Ext.", Keyword),
    ("device.", Keyword),
    ("dll.Ext.", Keyword),
    ("dns.Ext.", Long),
    ("driver.", Keyword),
    ("elastic.", Keyword),
    ("file.Ext.", Keyword),
    ("group.Ext.", Keyword),
    ("host.os.Ext.", Keyword),
    ("http.request.body.", Keyword),
    ("http.response.Ext.", Keyword),
    ("network.Ext.", Keyword),
    ("process.Ext.", Keyword),
    ("process.parent.Ext.", Keyword),
    ("process.parent.thread.Ext.", Keyword),
    ("process.thread.Ext.", Keyword),
    ("registry.Ext.", Keyword),
    ("source.Ext.", Keyword),
    ("threat.enrichments.", Keyword),
    ("user.Ext.", Keyword),
];

const ENDPOINT_ECS: &[&str] = &[
    "@timestamp",
    "agent.",
    "cloud.",
    "container.",
    "data_stream.",
    "destination.",
    "device.",
    "dll.",
    "dns.",
    "ecs.version",
    "event.",
    "file.",
    "group.",
    "host.",
    "http.",
    "message",
    "network.",
    "orchestrator.",
    "process.",
    "registry.",
    "rule.",
    "source.",
    "tags",
    "threat.",
    "url.",
    "user.",
    "volume.",
];

const ENDGAME_ECS: &[&str] = &[
    "@timestamp",
    "agent.",
    "destination.",
    "dns.",
    "ecs.version",
    "event.",
    "file.",
    "group.",
    "host.",
    "message",
    "network.",
    "process.",
    "registry.",
    "rule.",
    "source.",
    "threat.",
    "user.",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_field_has_two_types() {
        let mut types: BTreeMap<&str, (FieldType, SourceKind)> = BTreeMap::new();
        let mut twice = Vec::new();
        for source in fields() {
            for (name, field_type) in source.typed_fields().chain(source.prefixes.iter().copied()) {
                let (known, of) = *types.entry(name).or_insert((field_type, source.source));
                if known != field_type {
                    twice.push(format!("{name}: {known:?} of {of}, {field_type:?} of {}", source.source));
                }
            }
        }
        assert!(twice.is_empty(), "{twice:#?}");
    }
}
