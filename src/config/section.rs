//! How a section is declared and read: one declaration gives the struct, its defaults and its documentation.

use figment::{
    Figment, Profile, Provider as _,
    value::{Dict, Tag, Value},
};

use super::{Config, leaf::Leaf};

/// One key of a section, for documentation.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its name within the section.
    pub name: &'static str,
    /// Its doc comment, line by line, each with the blank it starts with.
    pub doc: &'static [&'static str],
    /// Its default as TOML; `None` when it has none.
    pub default: Option<String>,
}

/// A group of keys.
pub(super) trait Section: Default {
    const DOC: &'static [&'static str];
    fn keys() -> Vec<Key>;
    fn read(name: &str, reader: &mut Reader<'_>) -> Self;
}

/// Declares a section: `key: Type = default` under a doc comment.
macro_rules! section {
    ($(#[doc = $about:literal])+ $section:ident { $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $section { $($(#[doc = $doc])+ pub $key: $type,)+ }

        impl Default for $section {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::config::section::Section for $section {
            const DOC: &'static [&'static str] = &[$($about),+];

            fn keys() -> Vec<$crate::config::section::Key> {
                let default = Self::default();
                vec![$($crate::config::section::Key {
                    name: stringify!($key),
                    doc: &[$($doc),+],
                    default: $crate::config::leaf::Leaf::show(&default.$key).map(|value| value.to_string()),
                },)+]
            }

            fn read(name: &str, reader: &mut $crate::config::section::Reader<'_>) -> Self {
                let default = Self::default();
                Self { $($key: reader.read(&format!("{name}.{}", stringify!($key)), default.$key),)+ }
            }
        }
    };
}
pub(super) use section;

/// Says which sections a configuration has.
macro_rules! sections {
    ($($name:ident: $section:ty,)+) => {
        impl Config {
            fn read(reader: &mut Reader<'_>) -> Self {
                Self { $($name: <$section as Section>::read(stringify!($name), reader),)+ }
            }

            /// Every section: its name, its documentation and its keys.
            pub fn sections() -> Vec<(&'static str, &'static [&'static str], Vec<Key>)> {
                vec![$((stringify!($name), <$section as Section>::DOC, <$section as Section>::keys()),)+]
            }
        }
    };
}
pub(super) use sections;

/// Takes values out of what was merged and gathers what is wrong with them.
pub(super) struct Reader<'a> {
    figment: &'a Figment,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(figment: &'a Figment) -> Self {
        Self { figment, problems: Vec::new() }
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    /// The value of `key`, or `default` where it is absent or, with a problem noted, not usable.
    pub(super) fn read<T: Leaf>(&mut self, key: &str, default: T) -> T {
        let Ok(value) = self.figment.find_value(key) else { return default };
        T::read(&value).unwrap_or_else(|| {
            let origin = self.origin(value.tag());
            self.problems.push(format!("`{key}` {origin} must be {}", T::wanted()));
            default
        })
    }

    /// Notes every key that no section has.
    pub(super) fn refuse_unknown(&mut self) {
        let sections = Config::sections();
        let known: Vec<String> = sections
            .iter()
            .flat_map(|(section, _, keys)| keys.iter().map(move |key| format!("{section}.{}", key.name)))
            .collect();
        let mut given = self.figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
        for (section, _, _) in &sections {
            // A section that is not a table is named as a whole; its keys then count as absent.
            if let Some(Value::Dict(_, keys)) = given.get_mut(*section) {
                let keys: Dict = std::mem::take(keys);
                for (key, value) in keys {
                    let name = format!("{section}.{key}");
                    if !known.contains(&name) {
                        self.unknown(&name, value.tag(), &known);
                    }
                }
                given.remove(*section);
            }
        }
        for (name, value) in given {
            match value {
                Value::Dict(_, keys) if !keys.is_empty() => {
                    for (key, value) in keys {
                        self.unknown(&format!("{name}.{key}"), value.tag(), &known);
                    }
                }
                other => self.unknown(&name, other.tag(), &known),
            }
        }
    }

    /// Notes a value that was given both directly and by file.
    pub(super) fn refuse_twice(&mut self, key: &str, file_key: &str) {
        if self.figment.contains(key) && self.figment.contains(file_key) {
            self.problems.push(format!("`{key}` and `{file_key}` are both given; only one of them can be"));
        }
    }

    fn unknown(&mut self, name: &str, tag: Tag, known: &[String]) {
        let origin = self.origin(tag);
        let nearest = known.iter().min_by_key(|key| distance(name, key)).map_or("", String::as_str);
        self.problems.push(format!("`{name}` {origin} is not a key; the nearest is `{nearest}`"));
    }

    fn origin(&self, tag: Tag) -> String {
        self.figment.get_metadata(tag).map_or_else(String::new, |metadata| format!("({})", metadata.name))
    }
}

/// How many characters must be added, removed or replaced to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
