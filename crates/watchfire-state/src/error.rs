//! What can go wrong with the database of the state, told apart by what helps.

use sqlx::error::DatabaseError;

/// Why the state could not be read or written. Nothing of a transaction that fails is kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Somebody else holds a lock for longer than the time set. Trying again helps.
    #[error("the state database is locked")]
    Locked(#[source] sqlx::Error),
    /// The connection is gone, or there is none. Trying again helps once the database is there.
    #[error("the connection to the state database is lost")]
    Lost(#[source] sqlx::Error),
    /// It cannot be written. Whoever runs it must change that.
    #[error("the state database is read-only")]
    ReadOnly(#[source] sqlx::Error),
    /// There is no room. Whoever runs it must make some.
    #[error("the disk of the state database is full")]
    DiskFull(#[source] sqlx::Error),
    /// It is damaged, or no database.
    #[error("the state database is damaged")]
    Damaged(#[source] sqlx::Error),
    /// Another run has settled the rule in the meantime. Trying again from the new state helps.
    #[error("another run has settled rule `{rule}` in the meantime")]
    Overtaken {
        /// The id of the rule.
        rule: String,
    },
    /// What is stored is none of what this version writes.
    #[error("the state database holds what cannot be read: {what}")]
    Unreadable {
        /// What it is.
        what: String,
    },
    /// There is no such thing.
    #[error("there is no {what}")]
    Absent {
        /// What is not there.
        what: String,
    },
    /// The address of the database is none, or the schema in it is of another version.
    #[error("the state database cannot be used: {why}")]
    Setup {
        /// Why not.
        why: String,
    },
    /// A statement failed for another reason, which is a bug here.
    #[error("a statement on the state database failed")]
    Statement(#[source] sqlx::Error),
}

impl StateError {
    /// Whether the same can succeed later without anybody's help.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Locked(_) | Self::Lost(_) | Self::Overtaken { .. })
    }

    pub(crate) fn unreadable(what: impl Into<String>) -> Self {
        Self::Unreadable { what: what.into() }
    }
}

impl From<sqlx::Error> for StateError {
    fn from(error: sqlx::Error) -> Self {
        let of = match &error {
            sqlx::Error::Database(database) => of_database(&**database),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Lost,
            _ => Self::Statement,
        };
        of(error)
    }
}

/// What an error of a database stands for. SQLite gives its extended result codes as decimal numbers, PostgreSQL the five
/// characters of SQLSTATE.
fn of_database(error: &dyn DatabaseError) -> fn(sqlx::Error) -> StateError {
    let code = error.code().unwrap_or_default();
    if code.len() == 5 {
        return match &*code {
            // Deadlock, serialization failure, lock not available.
            "40P01" | "40001" | "55P03" => StateError::Locked,
            "25006" => StateError::ReadOnly,
            "53100" => StateError::DiskFull,
            // Damaged data and index.
            "XX001" | "XX002" => StateError::Damaged,
            // Too many connections, and a server that stops, crashes or starts.
            "53300" | "57P01" | "57P02" | "57P03" => StateError::Lost,
            class if class.starts_with("08") => StateError::Lost,
            _ => StateError::Statement,
        };
    }
    // The primary result code is the low byte of the extended one.
    match code.parse::<u32>().map(|code| code & 0xff) {
        // SQLITE_BUSY and SQLITE_LOCKED.
        Ok(5 | 6) => StateError::Locked,
        // SQLITE_READONLY.
        Ok(8) => StateError::ReadOnly,
        // SQLITE_IOERR and SQLITE_CANTOPEN.
        Ok(10 | 14) => StateError::Lost,
        // SQLITE_FULL.
        Ok(13) => StateError::DiskFull,
        // SQLITE_CORRUPT and SQLITE_NOTADB.
        Ok(11 | 26) => StateError::Damaged,
        _ => StateError::Statement,
    }
}
