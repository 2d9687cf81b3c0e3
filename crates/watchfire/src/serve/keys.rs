//! `watchfire keys`: who may write to a server, and read from it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use watchfire_server::{ApiKeys, Role};

use super::config::keys_in;
use crate::exit::{self, Exit};
use crate::time_argument;

/// Makes, lists and revokes the keys of a server.
///
/// As soon as there is a key, every request needs one. A server takes up changes when it is started.
#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
enum Subcommand {
    /// Makes a key, and prints it: only a hash of it is kept, so this is the only time that it can be seen.
    Create {
        /// The folder of the server's data.
        #[arg(long, value_name = "DIR", env = "WATCHFIRE_DATA", hide_env_values = true)]
        data: PathBuf,
        /// What its holder may do: reader, analyst, engineer, shipper, admin.
        #[arg(long, value_name = "ROLE")]
        role: String,
        /// What it is for.
        #[arg(long, value_name = "NAME")]
        name: String,
    },
    /// Lists keys: id, role, time, name.
    List {
        /// The folder of the server's data.
        #[arg(long, value_name = "DIR", env = "WATCHFIRE_DATA", hide_env_values = true)]
        data: PathBuf,
    },
    /// Takes a key away.
    Revoke {
        /// The folder of the server's data.
        #[arg(long, value_name = "DIR", env = "WATCHFIRE_DATA", hide_env_values = true)]
        data: PathBuf,
        /// Its id.
        id: String,
    },
}

impl Keys {
    /// Runs the command.
    pub(crate) fn run(&self) -> ExitCode {
        exit::of(self.keys(&mut io::stdout().lock()))
    }

    fn keys(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let wrong = |error: watchfire_server::ApiKeyError| {
            let kind = match error {
                watchfire_server::ApiKeyError::NoRole(_) => io::ErrorKind::InvalidInput,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, error.to_string())
        };
        match &self.command {
            Subcommand::Create { data, role, name } => {
                let role: Role = role.parse().map_err(wrong)?;
                std::fs::create_dir_all(data)?;
                let mut keys = ApiKeys::open(&keys_in(data)).map_err(wrong)?;
                let key = keys.create(name, role, time_argument::now()).map_err(wrong)?;
                writeln!(
                    out,
                    "id: {}\nkey: {}\nheader: Authorization: ApiKey {}",
                    key.id,
                    key.secret,
                    key.encoded()
                )?;
            }
            Subcommand::List { data } => {
                for (id, name, role, created) in ApiKeys::open(&keys_in(data)).map_err(wrong)?.list() {
                    writeln!(out, "{id}  {:<8}  {created}  {name}", role.name())?;
                }
            }
            Subcommand::Revoke { data, id } => {
                let mut keys = ApiKeys::open(&keys_in(data)).map_err(wrong)?;
                if !keys.revoke(id).map_err(wrong)? {
                    let message = format!("there is no key `{id}`");
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
            }
        }
        Ok(Exit::Success)
    }
}
