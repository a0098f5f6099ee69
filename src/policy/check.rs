//! Keys and types, held against the JSON Schema that editors use too.
//!
//! The schema is generated from [`super::raw`], so this pass and the typed reading can't disagree.
//! Unlike the typed reading it does not stop at the first error: each wrong part is reported, cut
//! out, and the rest goes on.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use serde_yaml::Value;

use super::document::{Document, Path};
use super::problem::Problem;
use super::schema;

/// How far a typo may be from the word it is taken for.
const TYPO: f64 = 0.72;

/// Checks `value` and cuts out what is wrong. `false` if something required is missing, so that the
/// rest can't be read.
pub fn apply(
    value: &mut Value,
    document: &Document,
    interpolated: &BTreeSet<Path>,
    problems: &mut Vec<Problem>,
) -> bool {
    let root = schema::json();
    let mut walk = Walk {
        root: &root,
        document,
        interpolated,
        problems,
        missing: false,
    };
    walk.value(value, &root, &Path::default()) == Fit::Good && !walk.missing
}

/// Whether a value can stay.
#[derive(PartialEq, Eq)]
enum Fit {
    Good,
    Bad,
}

struct Walk<'a> {
    root: &'a Json,
    document: &'a Document,
    interpolated: &'a BTreeSet<Path>,
    problems: &'a mut Vec<Problem>,
    missing: bool,
}

impl<'a> Walk<'a> {
    fn value(&mut self, value: &mut Value, schema: &'a Json, path: &Path) -> Fit {
        let schema = self.resolve(schema);
        if self.interpolated.contains(path) {
            retype(value, &self.accepted(schema));
        }
        let Some(branch) = self.branch_for(value, schema) else {
            let expected = self.accepted(schema);
            self.problem(
                self.document.value_span(path),
                match value {
                    Value::Null => format!("`{path}` is empty"),
                    _ if path.to_string().is_empty() => "a policy is a map of keys".to_owned(),
                    _ => format!("`{path}` is {}", kind_of(value).described()),
                },
                Some(format!("expected {}", list_kinds(&expected))),
            );
            return Fit::Bad;
        };
        match value {
            Value::Mapping(_) => self.mapping(value, branch, path),
            Value::Sequence(_) => self.sequence(value, branch, path),
            Value::String(text) => self.text(text, branch, path),
            _ => Fit::Good,
        }
    }

    fn mapping(&mut self, value: &mut Value, schema: &'a Json, path: &Path) -> Fit {
        let Value::Mapping(entries) = value else {
            return Fit::Good;
        };
        let properties = schema["properties"].as_object();
        let keys: Vec<Value> = entries.keys().cloned().collect();
        for key in keys {
            let Some(name) = key.as_str().map(str::to_owned) else {
                self.problem(
                    self.document.value_span(path),
                    format!("`{path}` has a key that is no text"),
                    None,
                );
                entries.remove(&key);
                continue;
            };
            let at = path.key(name.as_str());
            let known = properties.and_then(|properties| properties.get(&name));
            let entry_schema = known.or_else(|| schema.get("additionalProperties"));
            let fit = match (entry_schema, entries.get_mut(&key)) {
                (None | Some(Json::Bool(true)), _) => Fit::Good,
                (Some(Json::Bool(false)), _) => {
                    self.unknown_key(&name, &at, properties);
                    Fit::Bad
                }
                (Some(schema), Some(entry)) => self.value(entry, schema, &at),
                (Some(_), None) => Fit::Good,
            };
            if fit == Fit::Bad {
                entries.remove(&key);
            }
        }
        self.required(entries, schema, path)
    }

    /// A missing key makes its map unreadable. A required part that was there but wrong was already
    /// reported, and is not reported again as missing.
    fn required(&mut self, entries: &serde_yaml::Mapping, schema: &Json, path: &Path) -> Fit {
        let mut fit = Fit::Good;
        for name in schema["required"].as_array().into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            if entries.contains_key(name) {
                continue;
            }
            fit = Fit::Bad;
            if path.to_string().is_empty() {
                self.missing = true;
            }
            let at = path.key(name);
            if self.document.value_span(&at) == self.document.value_span(path) {
                let place = path.to_string();
                self.problem(
                    self.document.key_span(path),
                    if place.is_empty() {
                        format!("`{name}` is missing")
                    } else {
                        format!("`{place}` needs `{name}`")
                    },
                    None,
                );
            }
        }
        fit
    }

    fn sequence(&mut self, value: &mut Value, schema: &'a Json, path: &Path) -> Fit {
        let Value::Sequence(items) = value else {
            return Fit::Good;
        };
        let mut fit = Fit::Good;
        for (index, item) in items.iter_mut().enumerate() {
            // A list with a hole would move what follows to other places, so it goes as a whole.
            if self.value(item, &schema["items"], &path.index(index)) == Fit::Bad {
                fit = Fit::Bad;
            }
        }
        fit
    }

    fn text(&mut self, text: &str, schema: &Json, path: &Path) -> Fit {
        let allowed = words_of(schema);
        if allowed.is_empty() || allowed.contains(&text) {
            return Fit::Good;
        }
        let listed = allowed
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", ");
        self.problem(
            self.document.value_span(path),
            format!("`{path}` can't be `{text}`"),
            Some(match nearest(text, allowed.iter().copied()) {
                Some(word) => format!("did you mean `{word}`? (known: {listed})"),
                None => format!("known: {listed}"),
            }),
        );
        Fit::Bad
    }

    fn unknown_key(&mut self, name: &str, path: &Path, properties: Option<&Map<String, Json>>) {
        let known: Vec<&str> = properties
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("known: {}", known.join(", ")),
        };
        self.problem(
            self.document.key_span(path),
            format!("unknown key `{name}`"),
            Some(hint),
        );
    }

    /// Follows `$ref`.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        match schema["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix('#'))
        {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }

    fn branches(&self, schema: &'a Json) -> Vec<&'a Json> {
        let alternatives = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
        match alternatives {
            Some(alternatives) => alternatives
                .iter()
                .flat_map(|branch| self.branches(self.resolve(branch)))
                .collect(),
            None => vec![schema],
        }
    }

    /// The alternative whose kind is the value's. Two alternatives never share a kind, other than
    /// lists of words, which are merged.
    fn branch_for(&self, value: &Value, schema: &'a Json) -> Option<&'a Json> {
        let kind = kind_of(value);
        let fitting: Vec<&Json> = self
            .branches(schema)
            .into_iter()
            .filter(|branch| kinds(branch).contains(&kind))
            .collect();
        match fitting.as_slice() {
            [] => None,
            [only] => Some(only),
            // `const` alternatives of one enum: the whole is the list.
            _ if fitting.iter().all(|branch| branch.get("const").is_some()) => Some(schema),
            [first, ..] => Some(first),
        }
    }

    fn accepted(&self, schema: &'a Json) -> BTreeSet<Kind> {
        self.branches(schema).into_iter().flat_map(kinds).collect()
    }

    fn problem(&mut self, span: std::ops::Range<usize>, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            span,
            message,
            hint,
        });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    Number,
    Boolean,
    List,
    Map,
    Nothing,
}

impl Kind {
    fn described(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Map => "a map of keys",
            Self::Nothing => "empty",
        }
    }
}

fn kind_of(value: &Value) -> Kind {
    match value {
        Value::Null => Kind::Nothing,
        Value::Bool(_) => Kind::Boolean,
        Value::Number(_) => Kind::Number,
        Value::String(_) => Kind::Text,
        Value::Sequence(_) => Kind::List,
        Value::Mapping(_) => Kind::Map,
        Value::Tagged(tagged) => kind_of(&tagged.value),
    }
}

/// The kinds a schema without alternatives accepts; all of them where it says nothing.
fn kinds(schema: &Json) -> Vec<Kind> {
    let named: Vec<&str> = match &schema["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ if schema.get("const").is_some() || schema.get("enum").is_some() => vec!["string"],
        _ => vec!["string", "number", "boolean", "array", "object"],
    };
    named
        .into_iter()
        .filter_map(|name| {
            Some(match name {
                "string" => Kind::Text,
                "integer" | "number" => Kind::Number,
                "boolean" => Kind::Boolean,
                "array" => Kind::List,
                "object" => Kind::Map,
                _ => return None,
            })
        })
        .collect()
}

fn list_kinds(kinds: &BTreeSet<Kind>) -> String {
    kinds
        .iter()
        .map(|kind| kind.described())
        .collect::<Vec<_>>()
        .join(" or ")
}

/// The words that a schema lists, through `enum`, `const`, or alternatives of `const`.
fn words_of(schema: &Json) -> Vec<&str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    let alternatives = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten();
    listed
        .filter_map(Json::as_str)
        .chain(schema["const"].as_str())
        .chain(alternatives.flat_map(words_of))
        .collect()
}

/// A text that came from a variable stands for a number or a boolean where only that is accepted.
fn retype(value: &mut Value, accepted: &BTreeSet<Kind>) {
    let Value::String(text) = &*value else { return };
    if accepted.contains(&Kind::Text) && text.parse::<f64>().is_err() {
        return;
    }
    let retyped = match serde_yaml::from_str(text) {
        Ok(number @ Value::Number(_)) if accepted.contains(&Kind::Number) => number,
        Ok(boolean @ Value::Bool(_)) if accepted.contains(&Kind::Boolean) => boolean,
        _ => return,
    };
    *value = retyped;
}

/// The known word that `typed` is most like, if it is like one.
pub fn nearest<'w>(typed: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let folded = typed.to_ascii_lowercase().replace('-', "_");
    known
        .map(|word| {
            let likeness = strsim::jaro_winkler(&folded, &word.replace('-', "_"));
            (word, likeness)
        })
        .filter(|(_, likeness)| *likeness >= TYPO)
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(word, _)| word)
}
