//! Keys of the API: who may do what.
//!
//! A key is 256 bits of chance, so a hash of it needs no salt and no slow function: nobody can guess what was hashed. Only
//! the hash is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use watchfire_events::Timestamp;

/// What the holder of a key may do. An admin may do everything; the others what their names say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read events, rules and alerts.
    Reader,
    /// What a reader may, and work on alerts.
    Analyst,
    /// What an analyst may, and change rules, exceptions and lists.
    Engineer,
    /// Write events, and set up what shippers set up.
    Shipper,
    /// Everything.
    Admin,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Reader, Self::Analyst, Self::Engineer, Self::Shipper, Self::Admin];

    /// Whether it has all that another has.
    pub fn includes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Admin, _) => true,
            (Self::Shipper, other) => other == Self::Shipper,
            (_, Self::Shipper) => false,
            (own, other) => own >= other,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Analyst => "analyst",
            Self::Engineer => "engineer",
            Self::Shipper => "shipper",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = ApiKeyError;

    fn from_str(text: &str) -> Result<Self, ApiKeyError> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| ApiKeyError::NoRole(text.to_owned()))
    }
}

/// Why keys cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The file.
    #[error("cannot read or write the keys in `{}`: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What the file has.
    #[error("`{}` does not hold keys: {reason}", path.display())]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No role is called so.
    #[error("`{0}` is no role: there are reader, analyst, engineer, shipper and admin")]
    NoRole(String),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    NoChance(String),
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptKey {
    name: String,
    role: Role,
    /// SHA-256 of the secret, in base64 as in the key.
    hash: String,
    created: String,
}

/// A key that was just made: the only time that its secret is there.
#[derive(Clone, PartialEq, Eq)]
pub struct NewApiKey {
    /// Its id.
    pub id: String,
    /// What goes with it.
    pub secret: String,
}

impl NewApiKey {
    /// What goes behind `Authorization: ApiKey `.
    pub fn encoded(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.id, self.secret))
    }
}

impl fmt::Debug for NewApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// All keys, in a file.
#[derive(Clone, Debug)]
pub struct ApiKeys {
    path: PathBuf,
    keys: BTreeMap<String, KeptKey>,
}

impl ApiKeys {
    /// Those of a file; none if it is not there.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ApiKeyError> {
        let keys = match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| ApiKeyError::Content { path: path.to_owned(), reason: error.to_string() })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(ApiKeyError::File { path: path.to_owned(), error }),
        };
        Ok(Self { path: path.to_owned(), keys })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Id, name, role and time of each.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str, Role, &str)> {
        self.keys.iter().map(|(id, key)| (&**id, &*key.name, key.role, &*key.created))
    }

    /// Makes a key and keeps its hash.
    ///
    /// # Errors
    /// If it cannot be kept.
    pub fn create(&mut self, name: &str, role: Role, now: Timestamp) -> Result<NewApiKey, ApiKeyError> {
        let chance = |bytes: &mut [u8]| {
            getrandom::fill(bytes).map_err(|error| ApiKeyError::NoChance(error.to_string()))
        };
        let (mut id, mut secret) = ([0; 12], [0; 32]);
        chance(&mut id)?;
        chance(&mut secret)?;
        let key = NewApiKey { id: URL_SAFE_NO_PAD.encode(id), secret: URL_SAFE_NO_PAD.encode(secret) };
        let kept =
            KeptKey { name: name.to_owned(), role, hash: hash(&key.secret), created: now.to_iso_millis() };
        self.keys.insert(key.id.clone(), kept);
        self.save()?;
        Ok(key)
    }

    /// Takes a key away; whether it was there.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn revoke(&mut self, id: &str) -> Result<bool, ApiKeyError> {
        let was_there = self.keys.remove(id).is_some();
        if was_there {
            self.save()?;
        }
        Ok(was_there)
    }

    /// The name and the role of whoever sends this `Authorization` header: `ApiKey` with an encoded key, or `Basic` with
    /// the id as the user and the secret as the password.
    pub(crate) fn holder(&self, authorization: &str) -> Option<(&str, Role)> {
        let (scheme, encoded) = authorization.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("apikey") && !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = STANDARD.decode(encoded.trim()).ok()?;
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        let key = self.keys.get(id)?;
        let is_right = bool::from(hash(secret).as_bytes().ct_eq(key.hash.as_bytes()));
        is_right.then_some((&*key.name, key.role))
    }

    fn save(&self) -> Result<(), ApiKeyError> {
        let failed = |error| ApiKeyError::File { path: self.path.clone(), error };
        let folder =
            self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Such a file can be read by its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let text = serde_json::to_string_pretty(&self.keys).map_err(|error| failed(error.into()))?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_include_others() {
        assert!(Role::Engineer.includes(Role::Reader) && Role::Admin.includes(Role::Shipper));
        assert!(!Role::Engineer.includes(Role::Shipper) && !Role::Shipper.includes(Role::Reader));
        assert!(!Role::Reader.includes(Role::Analyst) && !Role::Engineer.includes(Role::Admin));
    }

    #[test]
    fn a_key_opens_and_only_its_hash_is_kept() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("keys.json");
        let mut keys = ApiKeys::open(&path).expect("no file is no error");
        let key = keys.create("beats", Role::Shipper, Timestamp::default()).expect("can be written");
        let again = ApiKeys::open(&path).expect("was written");
        assert_eq!(again.holder(&format!("ApiKey {}", key.encoded())), Some(("beats", Role::Shipper)));
        assert_eq!(again.holder(&format!("basic {}", key.encoded())), Some(("beats", Role::Shipper)));
        let wrong = STANDARD.encode(format!("{}:{}x", key.id, key.secret));
        assert_eq!(again.holder(&format!("ApiKey {wrong}")), None);
        assert_eq!(again.holder(&format!("Bearer {}", key.encoded())), None);
        assert!(!fs::read_to_string(&path).expect("is there").contains(&key.secret));
        assert!(keys.revoke(&key.id).expect("can be written"));
        assert!(ApiKeys::open(&path).expect("was written").is_empty());
    }
}
