//! What the table of Google Cloud's audit logs cannot say: outcomes, long operations, and the objects of Kubernetes that
//! the path of a resource names.

use std::borrow::Cow;

use watchfire_events::Scalar;

use super::draft::Draft;
use crate::fields::FieldValue;
use crate::tape::{TapeObject, TapeValue};
use crate::windows::values::integer;

/// Refines what the table made of a record.
pub(crate) fn refine<'a>(record: TapeObject<'a>, draft: &mut Draft<'a, '_>) {
    let payload = record.get("protoPayload").and_then(TapeValue::as_object);
    if let Some((_, log)) = record.text("logName").and_then(|name| name.split_once("%2F")) {
        draft.set("event.provider", log);
    }
    let mut kinds = Kinds::default();
    if let Some(operation) = record.get("operation").and_then(TapeValue::as_object) {
        kinds.read_operation(operation);
    }
    let permission = payload.map_or(Permission::NotTheOnlyOne, Permission::of);
    kinds.read_permission(permission);
    let outcome = match (payload.and_then(status_code), permission) {
        (Some(0), _) | (None, Permission::Granted) => "success",
        (Some(_), _) | (None, Permission::Refused) => "failure",
        (None, Permission::Unsaid | Permission::NotTheOnlyOne) => "unknown",
    };
    draft.set("event.outcome", outcome);
    kinds.write(draft);
    let resource = record.get("resource").and_then(TapeValue::as_object);
    if resource.and_then(|resource| resource.text("type")) == Some("k8s_cluster")
        && let Some(path) = payload.and_then(|payload| payload.text("resourceName"))
    {
        let object = KubernetesObject::of_path(path);
        for (field, value) in [
            ("orchestrator.api_version", object.api_version),
            ("orchestrator.namespace", object.namespace),
            ("orchestrator.resource.type", object.kind),
            ("orchestrator.resource.name", object.name),
        ] {
            if let Some(value) = value {
                draft.set(field, value);
            }
        }
    }
}

/// The code of the status, a number or digits.
fn status_code(payload: TapeObject<'_>) -> Option<i64> {
    let code = payload.get("status")?.as_object()?.get("code")?.scalar()?;
    integer(code)
}

/// What became of the only permission that was asked for.
#[derive(Clone, Copy)]
enum Permission {
    Granted,
    Refused,
    /// The record does not say.
    Unsaid,
    /// There are none, or several.
    NotTheOnlyOne,
}

impl Permission {
    fn of(payload: TapeObject<'_>) -> Self {
        let items = payload.get("authorizationInfo").and_then(TapeValue::as_array);
        let mut items = items.into_iter().flatten();
        match (items.next().and_then(TapeValue::as_object), items.next()) {
            (Some(only), None) => match only.get("granted").and_then(is_true) {
                Some(true) => Self::Granted,
                Some(false) => Self::Refused,
                None => Self::Unsaid,
            },
            _ => Self::NotTheOnlyOne,
        }
    }
}

fn is_true(value: TapeValue<'_>) -> Option<bool> {
    match value.scalar()? {
        Scalar::Boolean(truth) => Some(truth),
        _ => None,
    }
}

/// `event.category` and `event.type`, which the operation and the authorization make together.
#[derive(Default)]
struct Kinds {
    categories: Vec<Cow<'static, str>>,
    types: Vec<Cow<'static, str>>,
}

impl Kinds {
    /// The begin and the end of a long operation; one that is both is no long one.
    fn read_operation(&mut self, operation: TapeObject<'_>) {
        let is = |name| operation.get(name).and_then(is_true).unwrap_or(false);
        let (first, last) = (is("first"), is("last"));
        if first && last {
            return;
        }
        self.categories.push("session".into());
        if first {
            self.types.push("start".into());
        }
        if last {
            self.types.push("end".into());
        }
    }

    fn read_permission(&mut self, permission: Permission) {
        let kind = match permission {
            Permission::NotTheOnlyOne => return,
            Permission::Granted => Some("allowed"),
            Permission::Refused => Some("denied"),
            Permission::Unsaid => None,
        };
        self.categories.extend(["network".into(), "configuration".into()]);
        if let Some(kind) = kind {
            self.types.extend(["access".into(), kind.into()]);
        }
    }

    fn write(self, draft: &mut Draft<'_, '_>) {
        for (field, words) in [("event.category", self.categories), ("event.type", self.types)] {
            if !words.is_empty() {
                draft.set(field, FieldValue::Texts(words));
            }
        }
    }
}

/// What the path of a resource of a cluster says.
#[derive(Debug, Default, PartialEq)]
struct KubernetesObject<'a> {
    api_version: Option<&'a str>,
    namespace: Option<&'a str>,
    kind: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> KubernetesObject<'a> {
    /// Of `core/v1/namespaces/default/pods/web-1/exec`, `rbac.authorization.k8s.io/v1/clusterroles/admin`,
    /// `apis/apps/v1`, `api/v1`, `healthz` and their like.
    fn of_path(path: &'a str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let version = segments.iter().skip(1).position(|segment| is_api_version(segment)).map(|at| at + 1);
        let Some(version) = version else {
            let kind = segments.first().copied().filter(|segment| is_kind(segment));
            return Self { kind, ..Self::default() };
        };
        let api_version = Some(segments[version]);
        let at = |offset: usize| segments.get(version + offset).copied();
        match (at(1), at(2), at(3)) {
            (Some("namespaces"), Some(namespace), Some(kind)) => {
                Self { api_version, namespace: Some(namespace), kind: Some(kind), name: at(4) }
            }
            (Some(kind), name, _) => Self { api_version, namespace: None, kind: Some(kind), name },
            (None, ..) => {
                let group = (segments[0] == "apis" && version > 1).then(|| segments[version - 1]);
                Self { api_version, kind: group, ..Self::default() }
            }
        }
    }
}

/// `v1`, `v1beta1`, …
fn is_api_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else { return false };
    let rest_of_number = rest.trim_start_matches(|character: char| character.is_ascii_digit());
    rest_of_number.len() < rest.len()
        && rest_of_number
            .trim_end_matches(|character: char| character.is_ascii_digit())
            .bytes()
            .all(|byte| byte.is_ascii_lowercase())
}

fn is_kind(segment: &str) -> bool {
    segment.starts_with(|character: char| character.is_ascii_lowercase())
        && segment.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_objects_of_kubernetes() {
        let object =
            |api_version, namespace, kind, name| KubernetesObject { api_version, namespace, kind, name };
        for (path, expected) in [
            (
                "core/v1/namespaces/default/pods/web-1/exec",
                object(Some("v1"), Some("default"), Some("pods"), Some("web-1")),
            ),
            ("core/v1/namespaces/default", object(Some("v1"), None, Some("namespaces"), Some("default"))),
            ("core/v1/nodes", object(Some("v1"), None, Some("nodes"), None)),
            (
                "rbac.authorization.k8s.io/v1beta1/clusterroles/admin",
                object(Some("v1beta1"), None, Some("clusterroles"), Some("admin")),
            ),
            ("apis/apps/v1", object(Some("v1"), None, Some("apps"), None)),
            ("api/v1", object(Some("v1"), None, None, None)),
            ("healthz", object(None, None, Some("healthz"), None)),
            ("vault", object(None, None, Some("vault"), None)),
            (".well-known/x", object(None, None, None, None)),
            ("", object(None, None, None, None)),
        ] {
            assert_eq!(KubernetesObject::of_path(path), expected, "{path}");
        }
    }
}
