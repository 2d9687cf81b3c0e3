//! The sources that are told apart, and the data streams they go to (sources §0.1).

use std::fmt;
use std::str::FromStr;

use super::tables::{self, TableRef};

/// Where a record comes from, and with that how it is mapped and which rules read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceKind {
    /// Sysmon for Windows.
    Sysmon,
    /// The Windows Security log.
    WindowsSecurity,
    /// The classic PowerShell log.
    WindowsPowerShell,
    /// The operational PowerShell log.
    WindowsPowerShellOperational,
    /// The Windows System log: service installs and the like.
    WindowsSystem,
    /// The Windows Application log.
    WindowsApplication,
    /// Windows Defender's operational log.
    WindowsDefender,
    /// Forwarded Windows events, and channels without a data stream of their own.
    WindowsForwarded,
    /// Sysmon for Linux, whose events have the Windows form; kept in that form.
    SysmonLinux,
    /// Windows events as Winlogbeat publishes them.
    Winlogbeat,
    /// Elastic Defend.
    ElasticDefend,
    /// Elastic Endgame in ECS form.
    Endgame,
    /// A source whose mapping is a table: of the program, or of the user.
    Table(TableRef),
    /// Any other document that is ECS already.
    Ecs,
    /// JSON of no known source, passed through.
    Unrecognised,
}

impl SourceKind {
    /// All of them but those that are tables ([`SourceKind::all`] has these too).
    pub const ALL: &'static [Self] = &[
        Self::Sysmon,
        Self::WindowsSecurity,
        Self::WindowsPowerShell,
        Self::WindowsPowerShellOperational,
        Self::WindowsSystem,
        Self::WindowsApplication,
        Self::WindowsDefender,
        Self::WindowsForwarded,
        Self::SysmonLinux,
        Self::Winlogbeat,
        Self::ElasticDefend,
        Self::Endgame,
        Self::Ecs,
        Self::Unrecognised,
    ];

    /// All of them: those of the program, and the user's own.
    pub fn all(own: &[TableRef]) -> Vec<Self> {
        let tables = own.iter().chain(tables::builtin()).map(|table| Self::Table(*table));
        Self::ALL.iter().copied().chain(tables).collect()
    }

    /// The source of a name.
    ///
    /// # Errors
    /// If there is none; the error names those that there are.
    pub fn find(name: &str, own: &[TableRef]) -> Result<Self, UnknownSource> {
        let all = Self::all(own);
        all.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| UnknownSource {
            name: name.to_owned(),
            known: all.iter().map(|kind| kind.name()).collect(),
        })
    }

    /// The name: the dataset where the source has one.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sysmon => "windows.sysmon_operational",
            Self::WindowsSecurity => "system.security",
            Self::WindowsPowerShell => "windows.powershell",
            Self::WindowsPowerShellOperational => "windows.powershell_operational",
            Self::WindowsSystem => "system.system",
            Self::WindowsApplication => "system.application",
            Self::WindowsDefender => "windows.windows_defender",
            Self::WindowsForwarded => "windows.forwarded",
            Self::SysmonLinux => "sysmon_linux.log",
            Self::Winlogbeat => "winlogbeat",
            Self::ElasticDefend => "endpoint",
            Self::Endgame => "endgame",
            Self::Table(table) => table.name(),
            Self::Ecs => "ecs",
            Self::Unrecognised => "unrecognised",
        }
    }

    /// A few words for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sysmon => "Sysmon for Windows",
            Self::WindowsSecurity => "Windows Security log",
            Self::WindowsPowerShell => "Windows PowerShell log",
            Self::WindowsPowerShellOperational => "Windows PowerShell operational log",
            Self::WindowsSystem => "Windows System log",
            Self::WindowsApplication => "Windows Application log",
            Self::WindowsDefender => "Windows Defender operational log",
            Self::WindowsForwarded => "Windows events forwarded to a collector, and of other channels",
            Self::SysmonLinux => "Sysmon for Linux",
            Self::Winlogbeat => "Windows events as Winlogbeat publishes them",
            Self::ElasticDefend => "Elastic Defend",
            Self::Endgame => "Elastic Endgame, in ECS form",
            Self::Table(table) => table.title(),
            Self::Ecs => "Any other document that is ECS already",
            Self::Unrecognised => "JSON of no known source, kept as it is",
        }
    }

    /// The dataset, where all documents of the source have the same.
    pub fn dataset(self) -> Option<&'static str> {
        match self {
            Self::Winlogbeat | Self::ElasticDefend | Self::Ecs | Self::Unrecognised => None,
            Self::Endgame => Some("esensor"),
            Self::Table(table) => table.dataset(),
            _ => Some(self.name()),
        }
    }

    /// Whether its records are Windows events in one of their forms.
    pub fn is_windows(self) -> bool {
        !matches!(self, Self::ElasticDefend | Self::Endgame | Self::Table(_) | Self::Ecs | Self::Unrecognised)
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no source of that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no source `{name}`; known are {}", list(known))]
pub struct UnknownSource {
    /// The name that was given.
    pub name: String,
    /// The names of all sources.
    pub known: Vec<&'static str>,
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl FromStr for SourceKind {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::find(text, &[])
    }
}
