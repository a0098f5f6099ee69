//! Keys and types, held against the JSON Schema that editors use too.
//!
//! The schema is generated from [`super::raw`], so this pass and the typed reading can't disagree.
//! Unlike the typed reading it does not stop at the first error: each wrong part is reported and
//! cut out, what is required gets a stand-in, and the rest goes on.

use serde_json::{Map, Value as Json};
use serde_yaml::Value;

use super::document::Document;
use super::path::Path;
use super::problem::Problem;
use super::schema;
use super::schema::shape::{self, Kind, Shape};
use crate::text::one_line;

/// How far a typo may be from the word it is taken for.
const TYPO: f64 = 0.8;

/// Checks `value` and cuts out what is wrong. `None` if it is no policy at all.
pub fn apply(
    value: &mut Value,
    document: &mut Document,
    problems: &mut Vec<Problem>,
) -> Option<()> {
    let root = schema::json();
    if value.is_null() {
        problems.push(Problem {
            span: 0..0,
            message: "the policy is empty".to_owned(),
            hint: Some("it needs `version`, `source` and `migrations`".to_owned()),
        });
        return None;
    }
    let mut walk = Walk {
        shape: Shape { root: &root },
        document,
        problems,
    };
    match walk.value(value, &root, &Path::default()) {
        Fit::Good => Some(()),
        Fit::Bad => None,
    }
}

/// Whether a value can stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Good,
    Bad,
}

struct Walk<'a> {
    shape: Shape<'a>,
    document: &'a mut Document,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, value: &mut Value, schema: &'a Json, path: &Path) -> Fit {
        // What was given up before was reported before.
        if self.document.is_given_up(path) {
            return Fit::Bad;
        }
        let schema = self.shape.resolve(schema);
        self.as_meant(value, schema, path);
        let fit = match self.shape.branch_for(Kind::of(value), schema) {
            None => {
                self.wrong_kind(value, schema, path);
                Fit::Bad
            }
            Some(branch) => match value {
                Value::Mapping(_) => self.mapping(value, branch, path),
                Value::Sequence(_) => self.sequence(value, branch, path),
                Value::String(text) => self.text(text, schema, branch, path),
                Value::Number(number) => self.number(number.as_f64(), branch, path),
                _ => Fit::Good,
            },
        };
        if fit == Fit::Bad {
            self.document.give_up(path);
        }
        fit
    }

    /// A variable's text is a number where only a number will do, and a number is the text that was
    /// written where any text will do: `1.10` must not become `1.1`.
    fn as_meant(&self, value: &mut Value, schema: &'a Json, path: &Path) {
        let free_text = self.shape.takes_free_text(schema);
        match value {
            Value::Number(_)
                if free_text && self.shape.accepted(schema).contains(&Kind::Number) =>
            {
                *value = Value::String(self.document.written(path).to_owned());
            }
            Value::String(text) if !free_text && self.document.is_from_variable(path) => {
                let kind = super::scalar::plain(text.trim());
                if self.shape.accepted(schema).contains(&Kind::of(&kind)) {
                    *value = kind;
                }
            }
            _ => {}
        }
    }

    fn wrong_kind(&mut self, value: &Value, schema: &'a Json, path: &Path) {
        let expected = self.shape.expected(schema);
        if path.is_root() {
            let message = format!(
                "a policy is a map of keys, not {}",
                Kind::of(value).described()
            );
            self.problem(0..0, message, None);
            return;
        }
        let (message, hint) = match value {
            Value::Null => (
                format!("`{path}` is empty"),
                format!("expected {expected}; or remove the key"),
            ),
            // An unquoted `{clone_url}` is a map with one empty entry.
            Value::Mapping(entries)
                if entries.len() == 1 && entries.values().all(Value::is_null) =>
            {
                (
                    format!("`{path}` is a map of keys"),
                    "expected a text: one with `{` and `}` needs quotes".to_owned(),
                )
            }
            Value::Number(_) | Value::Bool(_) if expected == shape::TEXT => (
                format!("`{path}` is {}", Kind::of(value).described()),
                "expected a text: write it in quotes".to_owned(),
            ),
            Value::String(_) if expected == Kind::List.described() => (
                format!("`{path}` is a text"),
                "expected a list: write it in `[ ]`".to_owned(),
            ),
            _ => (
                format!("`{path}` is {}", Kind::of(value).described()),
                format!("expected {expected}"),
            ),
        };
        self.problem(self.document.value_span(path), message, Some(hint));
    }

    fn mapping(&mut self, value: &mut Value, schema: &'a Json, path: &Path) -> Fit {
        let Value::Mapping(entries) = value else {
            return Fit::Good;
        };
        let properties = schema["properties"].as_object();
        let names: Vec<String> = entries
            .keys()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect();
        for name in &names {
            let at = path.key(name.as_str());
            let known = properties.and_then(|properties| properties.get(name));
            let entry_schema = known.or_else(|| schema.get("additionalProperties"));
            let fit = match (entry_schema, entries.get_mut(name.as_str())) {
                (None | Some(Json::Bool(true)), _) | (_, None) => Fit::Good,
                (Some(Json::Bool(false)), Some(_)) => {
                    // What was meant is not missing as well.
                    if let Some(word) = self.unknown_key(name, &at, properties)
                        && !names.iter().any(|name| name == word)
                    {
                        self.document.give_up(&path.key(word));
                    }
                    self.document.give_up(&at);
                    Fit::Bad
                }
                (Some(schema), Some(entry)) => self.value(entry, schema, &at),
            };
            if fit == Fit::Bad {
                entries.remove(name.as_str());
            }
        }
        self.required(entries, schema, path);
        Fit::Good
    }

    /// What is missing is reported, and a stand-in takes its place so that the rest is judged. What
    /// was there but wrong was reported already.
    fn required(&mut self, entries: &mut serde_yaml::Mapping, schema: &'a Json, path: &Path) {
        for name in schema["required"].as_array().into_iter().flatten() {
            let Some(name) = name.as_str() else { continue };
            if entries.contains_key(name) {
                continue;
            }
            let at = path.key(name);
            if !self.document.is_given_up(&at) {
                let message = if path.is_root() {
                    format!("`{name}` is missing")
                } else {
                    format!("`{path}` needs `{name}`")
                };
                let hint = schema["properties"][name]["description"]
                    .as_str()
                    .map(|text| format!("`{name}`: {}", shape::first_sentence(text)));
                self.problem(self.document.owner_span(path), message, hint);
                self.document.give_up(&at);
            }
            let stand_in = self.shape.stand_in(&schema["properties"][name]);
            entries.insert(Value::String(name.to_owned()), stand_in);
        }
    }

    fn sequence(&mut self, value: &mut Value, schema: &'a Json, path: &Path) -> Fit {
        let Value::Sequence(items) = value else {
            return Fit::Good;
        };
        for (index, item) in items.iter_mut().enumerate() {
            // A list with a hole would move what follows to other places.
            if self.value(item, &schema["items"], &path.index(index)) == Fit::Bad {
                *item = self.shape.stand_in(&schema["items"]);
            }
        }
        Fit::Good
    }

    fn number(&mut self, number: Option<f64>, schema: &Json, path: &Path) -> Fit {
        let number = number.unwrap_or_default();
        let (low, high) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
        let whole = schema["type"] != "integer" || number.fract() == 0.0;
        if whole && low.is_none_or(|low| number >= low) && high.is_none_or(|high| number <= high) {
            return Fit::Good;
        }
        let written = self.document.written(path).to_owned();
        let hint = match (low, high) {
            _ if !whole => "expected a whole number".to_owned(),
            (Some(low), Some(high)) => format!("expected {low} to {high}"),
            (Some(low), None) => format!("expected {low} or more"),
            _ => "the number is too large".to_owned(),
        };
        let message = format!("`{path}` can't be {}", self.document.quoted(path, &written));
        self.problem(self.document.value_span(path), message, Some(hint));
        Fit::Bad
    }

    fn text(&mut self, text: &str, whole: &'a Json, schema: &Json, path: &Path) -> Fit {
        if schema["minLength"].as_u64() >= Some(1) && text.trim().is_empty() {
            let hint = if self.document.is_from_variable(path) {
                "its variable gives an empty text"
            } else {
                "expected a text"
            };
            let message = format!("`{path}` is empty");
            self.problem(
                self.document.value_span(path),
                message,
                Some(hint.to_owned()),
            );
            return Fit::Bad;
        }
        let allowed = shape::words_of(schema);
        if allowed.is_empty() || allowed.contains(&text) {
            return Fit::Good;
        }
        let expected = self.shape.expected(whole);
        let message = format!("`{path}` can't be {}", self.document.quoted(path, text));
        self.problem(
            self.document.value_span(path),
            message,
            Some(match nearest(text, allowed.iter().copied()) {
                Some(word) if allowed.len() > 6 => format!("did you mean `{word}`?"),
                Some(word) => format!("did you mean `{word}`? expected {expected}"),
                None => format!("expected {expected}"),
            }),
        );
        Fit::Bad
    }

    /// Reports a key and returns the one that was likely meant.
    fn unknown_key(
        &mut self,
        name: &str,
        path: &Path,
        properties: Option<&'a Map<String, Json>>,
    ) -> Option<&'a str> {
        let known = || {
            properties
                .into_iter()
                .flat_map(|properties| properties.keys().map(String::as_str))
        };
        let elsewhere = || self.shape.sections_with(name);
        let meant = nearest(name, known());
        let hint = if name == "<<" {
            "merge keys are not supported: write the keys out".to_owned()
        } else if let Some(word) = meant {
            format!("did you mean `{word}`?")
        } else if name.contains(' ') {
            "a text with `,` or `: ` in it needs quotes".to_owned()
        } else if let Some(section) = elsewhere() {
            format!("did you mean `{section}.{name}`?")
        } else if known().count() > 16 {
            "nothing known is like it; `pgrehearse schema --markdown` lists them".to_owned()
        } else {
            format!("known: {}", known().collect::<Vec<_>>().join(", "))
        };
        let message = format!("unknown key `{}`", one_line(name, 60));
        self.problem(self.document.key_span(path), message, Some(hint));
        meant
    }

    fn problem(&mut self, span: std::ops::Range<usize>, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            span,
            message,
            hint,
        });
    }
}

/// The known word that `typed` is most like, if it is like one.
pub fn nearest<'w>(typed: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let folded = typed.to_ascii_lowercase().replace('-', "_");
    known
        .map(|word| {
            let word_folded = word.replace('-', "_");
            let like = |word: &str| strsim::jaro_winkler(&folded, word);
            // A name may be typed without the family it belongs to.
            let own = word_folded.rsplit('/').next().map_or(0.0, like);
            (word, like(&word_folded).max(own))
        })
        .filter(|(_, likeness)| *likeness >= TYPO)
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(word, _)| word)
}
