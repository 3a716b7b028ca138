//! Where values come from, and how they are laid over each other.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

use super::ConfigError;

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "coppice.toml";
const PREFIX: &str = "COPPICE__";

/// Where the values come from, weakest first.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file; it must exist. `None` reads no file.
    pub file: Option<PathBuf>,
    /// Variables of the environment; only those named `COPPICE__SECTION__KEY` count.
    pub env: Vec<(String, String)>,
    /// What the command line says: `{"section": {"key": value}}`; null is absent.
    pub flags: serde_json::Value,
}

impl Sources {
    /// The sources of this process: `file` or else `coppice.toml` of the working directory if it is there, the environment,
    /// and `flags`.
    pub fn of_process(file: Option<PathBuf>, flags: serde_json::Value) -> Self {
        let file = file.or_else(|| Path::new(DEFAULT_FILE).exists().then(|| PathBuf::from(DEFAULT_FILE)));
        let env = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self { file, env: env.collect(), flags }
    }
}

/// Values of one origin, with the name that problems call it by.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// All sources over each other; defaults are not among them.
pub(super) fn merge(sources: &Sources) -> Result<Figment, ConfigError> {
    let mut figment = Figment::new();
    if let Some(path) = &sources.file {
        figment = figment.merge(Layer { name: path.display().to_string(), values: file(path)? });
    }
    let flags = Value::serialize(without_nulls(sources.flags.clone())).ok().and_then(Value::into_dict).unwrap_or_default();
    Ok(figment
        .merge(Layer { name: "the environment".to_owned(), values: environment(&sources.env) })
        .merge(Layer { name: "the command line".to_owned(), values: flags }))
}

fn file(path: &Path) -> Result<Dict, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let syntax = |line, message: &str| ConfigError::Syntax { path: path.to_owned(), line, message: message.to_owned() };
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        syntax(before.lines().count().max(1), error.message())
    })?;
    Value::serialize(table).ok().and_then(Value::into_dict).ok_or_else(|| syntax(1, "not a table"))
}

/// `COPPICE__SECTION__KEY` as text; a name of another shape is kept whole, to be refused as unknown.
fn environment(variables: &[(String, String)]) -> Dict {
    let mut values = Dict::new();
    for (name, value) in variables {
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        let name = name.to_ascii_lowercase();
        let value = Value::from(value.clone());
        match name.split_once("__") {
            Some((section, key)) => {
                let section = values.entry(section.to_owned()).or_insert_with(|| Value::from(Dict::new()));
                if let Value::Dict(_, keys) = section {
                    keys.insert(key.to_owned(), value);
                }
            }
            None => {
                values.entry(name).or_insert(value);
            }
        }
    }
    values
}

fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(fields) => {
            fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key, without_nulls(value))).collect()
        }
        other => other,
    }
}
