//! Documents known in advance: a manifest as relay-compiler and GraphQL Code Generator write it, an object of ids and texts.

use std::collections::HashMap;

use crate::domain::account::Permission;

/// Documents by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedDocuments(HashMap<String, String>);

impl TrustedDocuments {
    /// Reads a manifest: a JSON object whose keys are ids and whose values are documents.
    pub fn from_manifest(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(Self)
    }

    /// The document with an id, which may say its algorithm first (`sha256:...`) where the manifest does not.
    pub(super) fn find(&self, id: &str) -> Option<&str> {
        let bare = || self.0.get(id.split_once(':')?.1);
        self.0.get(id).or_else(bare).map(String::as_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(id, text)| (id.as_str(), text.as_str()))
    }
}

/// Whose own documents are not run, only trusted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TrustedOnly {
    /// Everybody may send documents.
    #[default]
    Nobody,
    /// Whoever is not signed in.
    Anonymous,
    /// They, and callers of level READ.
    Read,
    /// They, and callers of level WRITE.
    Write,
    /// Everybody.
    Everybody,
}

impl TrustedOnly {
    /// Whether it is so for a caller of a level; `None` when not signed in.
    pub(super) fn applies(self, permission: Option<Permission>) -> bool {
        let level = match permission {
            None => Self::Anonymous,
            Some(Permission::Read) => Self::Read,
            Some(Permission::Write) => Self::Write,
            Some(Permission::Admin) => Self::Everybody,
        };
        self >= level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_compilers_write() {
        let manifest = r#"{ "3f9a": "query A { viewer { permission } }", "sha256:77": "{ __typename }" }"#;
        let documents = TrustedDocuments::from_manifest(manifest).unwrap();
        assert_eq!(documents.find("sha256:3f9a"), Some("query A { viewer { permission } }"));
        assert_eq!(documents.find("3f9a"), documents.find("sha256:3f9a"));
        assert_eq!(documents.find("sha256:77"), Some("{ __typename }"));
        assert_eq!(documents.find("77"), None);
        assert!(TrustedDocuments::from_manifest(r#"["{ __typename }"]"#).is_err());
    }

    #[test]
    fn a_level_includes_those_below() {
        let callers = [None, Some(Permission::Read), Some(Permission::Write), Some(Permission::Admin)];
        let all = [TrustedOnly::Nobody, TrustedOnly::Anonymous, TrustedOnly::Read, TrustedOnly::Write, TrustedOnly::Everybody];
        for (limited, only) in all.into_iter().enumerate() {
            for (level, permission) in callers.into_iter().enumerate() {
                assert_eq!(only.applies(permission), level < limited, "{only:?} {permission:?}");
            }
        }
    }
}
