//! Reading the JSON Schema: alternatives, kinds, words, and a stand-in for what is missing.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use serde_yaml::Value;

/// What a schema without a form or words expects of a text.
pub const TEXT: &str = "a text";

/// What a value is, before it is asked what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Text,
    Number,
    Boolean,
    List,
    Map,
    Nothing,
}

impl Kind {
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Sequence(_) => Self::List,
            Value::Mapping(_) => Self::Map,
            Value::Tagged(tagged) => Self::of(&tagged.value),
        }
    }

    pub fn described(self) -> &'static str {
        match self {
            Self::Text => TEXT,
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::List => "a list",
            Self::Map => "a map of keys",
            Self::Nothing => "empty",
        }
    }
}

/// A schema with the definitions that its parts refer to.
#[derive(Clone, Copy)]
pub struct Shape<'a> {
    pub root: &'a Json,
}

impl<'a> Shape<'a> {
    /// Follows `$ref`.
    pub fn resolve(self, schema: &'a Json) -> &'a Json {
        match schema["$ref"]
            .as_str()
            .and_then(|name| name.strip_prefix('#'))
        {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }

    /// The alternatives of a schema; itself where it has none.
    pub fn branches(self, schema: &'a Json) -> Vec<&'a Json> {
        let schema = self.resolve(schema);
        match schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            // Words with a description each are one list of words.
            Some(alternatives)
                if alternatives
                    .iter()
                    .any(|branch| branch.get("const").is_none()) =>
            {
                alternatives
                    .iter()
                    .flat_map(|branch| self.branches(branch))
                    .collect()
            }
            _ => vec![schema],
        }
    }

    /// The alternative for a value of that kind. Two alternatives never share one.
    pub fn branch_for(self, kind: Kind, schema: &'a Json) -> Option<&'a Json> {
        self.branches(schema)
            .into_iter()
            .find(|branch| kinds(branch).contains(&kind))
    }

    pub fn accepted(self, schema: &'a Json) -> BTreeSet<Kind> {
        self.branches(schema).into_iter().flat_map(kinds).collect()
    }

    pub fn takes_free_text(self, schema: &'a Json) -> bool {
        self.branch_for(Kind::Text, schema)
            .is_some_and(|branch| words_of(branch).is_empty())
    }

    /// What a schema takes, for a person: "`auto` or a number".
    pub fn expected(self, schema: &'a Json) -> String {
        let mut listed: Vec<String> = Vec::new();
        for branch in self.branches(schema) {
            let words = words_of(branch);
            let example = branch["examples"][0].as_str();
            if let Some(only) = branch["const"].as_u64() {
                listed.push(format!("the number {only}"));
            } else if !words.is_empty() {
                listed.extend(words.iter().map(|word| format!("`{word}`")));
            } else if let (Some(form), Some(example)) = (branch["format"].as_str(), example) {
                listed.push(format!("a {form} such as `{example}`"));
            } else {
                listed.extend(kinds(branch).iter().map(|kind| kind.described().to_owned()));
            }
        }
        let mut seen = BTreeSet::new();
        or_list(listed.into_iter().filter(|text| seen.insert(text.clone())))
    }

    /// A value of this shape, without meaning: what it stands for was reported.
    pub fn stand_in(self, schema: &'a Json) -> Value {
        let Some(branch) = self.branches(schema).first().copied() else {
            return Value::Null;
        };
        if let Some(word) = words_of(branch).first() {
            return Value::String((*word).to_owned());
        }
        match kinds(branch).first() {
            Some(Kind::Text) => Value::String(String::new()),
            Some(Kind::Number) => branch["minimum"].as_u64().unwrap_or_default().into(),
            Some(Kind::Boolean) => Value::Bool(false),
            Some(Kind::List) => Value::Sequence(Vec::new()),
            Some(Kind::Map) => Value::Mapping(
                branch["required"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .map(|name| (name.into(), self.stand_in(&branch["properties"][name])))
                    .collect(),
            ),
            Some(Kind::Nothing) | None => Value::Null,
        }
    }

    /// The first part of the policy that has a key of this name.
    pub fn sections_with(self, name: &str) -> Option<&'a str> {
        self.root["properties"]
            .as_object()?
            .iter()
            .find_map(|(section, schema)| {
                let has_it = self
                    .branch_for(Kind::Map, schema)
                    .is_some_and(|branch| branch["properties"].get(name).is_some());
                has_it.then_some(section.as_str())
            })
    }
}

/// The kinds a schema without alternatives accepts; all of them where it says nothing.
pub fn kinds(schema: &Json) -> Vec<Kind> {
    let named: Vec<&str> = match &schema["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ if !words_of(schema).is_empty() => vec!["string"],
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

/// The words that a schema lists, through `enum`, `const`, or alternatives of `const`.
pub fn words_of(schema: &Json) -> Vec<&str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    let alternatives = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten()
        .filter_map(|branch| branch["const"].as_str());
    listed
        .filter_map(Json::as_str)
        .chain(schema["const"].as_str())
        .chain(alternatives)
        .collect()
}

/// `a, b or c`.
pub fn or_list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    match items.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The first sentence of a description, as a phrase.
pub fn first_sentence(text: &str) -> String {
    let end = text.find(". ").unwrap_or(text.len());
    text[..end].trim_end_matches('.').replace('\n', " ")
}
