//! `docs/policy.md`: an introduction, and every key as the JSON Schema describes it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::schema::shape::{self, Kind, Shape};
use crate::rules;

const INTRODUCTION: &str = include_str!("reference.md");

/// The sections in the order of a run; one that is not named here comes last.
const ORDER: [&str; 14] = [
    "version",
    "name",
    "source",
    "postgres",
    "target",
    "restore",
    "migrations",
    "baseline",
    "verify",
    "schema_diff",
    "smoke",
    "rules",
    "allow",
    "report",
];

/// The reference of every key, as it is committed in `docs/policy.md`.
pub fn markdown() -> String {
    let root = super::schema::json();
    let shape = Shape { root: &root };
    let mut page = Page {
        shape,
        text: INTRODUCTION.to_owned(),
    };
    page.text.push_str("\n## Every key\n\n");
    page.table("", &root);
    let mut sections: Vec<(&String, &Json)> = root["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .collect();
    sections.sort_by_key(|(name, _)| {
        ORDER
            .iter()
            .position(|known| known == name)
            .unwrap_or(ORDER.len())
    });
    for (name, schema) in sections {
        if name == "rules" {
            page.rules();
        } else {
            page.section(name, schema);
        }
    }
    page.text
}

struct Page<'a> {
    shape: Shape<'a>,
    text: String,
}

impl<'a> Page<'a> {
    /// The maps at `path` and in it, each with a heading and a table of its keys.
    fn section(&mut self, path: &str, schema: &'a Json) {
        let Some((suffix, map)) = self.map_in(schema) else {
            return;
        };
        let path = format!("{path}{suffix}");
        let (Some(properties), level) = (map["properties"].as_object(), path.matches('.').count())
        else {
            return;
        };
        self.text.push_str(&format!(
            "\n##{} `{path}`\n\n",
            "#".repeat((level + 1).min(3))
        ));
        // A definition's text stands under many keys; the key's own says what it is for here.
        let own = schema["description"].as_str();
        if let Some(text) = map["description"].as_str().or(own) {
            self.text
                .push_str(&format!("{}\n\n", text.replace('\n', " ")));
        }
        self.table(&path, map);
        for (name, schema) in properties {
            self.section(&format!("{path}.{name}"), schema);
        }
    }

    /// The map that a schema takes, itself, in a list or under names of the user's.
    fn map_in(&self, schema: &'a Json) -> Option<(&'static str, &'a Json)> {
        if let Some(map) = self.shape.branch_for(Kind::Map, schema)
            && map["type"] == "object"
        {
            return match map.get("additionalProperties") {
                Some(Json::Object(_)) => {
                    let inner = self.map_in(&map["additionalProperties"])?;
                    Some((".*", inner.1))
                }
                _ => Some(("", map)),
            };
        }
        let list = self.shape.branch_for(Kind::List, schema)?;
        let items = list.get("items")?;
        let map = self.shape.branch_for(Kind::Map, items)?;
        (map["type"] == "object").then_some(("[]", map))
    }

    fn table(&mut self, path: &str, map: &'a Json) {
        let Some(properties) = map["properties"].as_object() else {
            return;
        };
        let required: BTreeSet<&str> = map["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        self.text.push_str("| key | value | |\n|---|---|---|\n");
        let mut names: Vec<&String> = properties.keys().collect();
        if path.is_empty() {
            names.sort_by_key(|name| ORDER.iter().position(|known| known == name));
        } else {
            names.sort_by_key(|name| !required.contains(name.as_str()));
        }
        for name in names {
            let schema = &properties[name];
            let must = if required.contains(name.as_str()) {
                "**Required.** "
            } else {
                ""
            };
            let description = schema["description"].as_str().unwrap_or_default();
            self.text.push_str(&format!(
                "| `{name}` | {} | {must}{} |\n",
                self.takes(schema),
                cell(description)
            ));
        }
    }

    /// What a key takes, for the table.
    fn takes(&self, schema: &'a Json) -> String {
        let taken: Vec<String> = self
            .shape
            .branches(schema)
            .into_iter()
            .flat_map(|branch| self.takes_one(branch))
            .collect();
        let mut seen = BTreeSet::new();
        cell(&shape::or_list(
            taken.into_iter().filter(|text| seen.insert(text.clone())),
        ))
    }

    fn takes_one(&self, branch: &'a Json) -> Vec<String> {
        let words = shape::words_of(branch);
        if !words.is_empty() {
            return words.iter().map(|word| format!("`{word}`")).collect();
        }
        if let (Some(form), Some(example)) =
            (branch["format"].as_str(), branch["examples"][0].as_str())
        {
            return vec![format!("{form}, such as `{example}`")];
        }
        if branch.get("type").is_none() {
            return vec!["anything".to_owned()];
        }
        shape::kinds(branch)
            .into_iter()
            .map(|kind| match kind {
                Kind::Text => "text".to_owned(),
                Kind::Number => match (branch["minimum"].as_u64(), branch["maximum"].as_u64()) {
                    (Some(low), Some(high)) if high < 65535 => format!("{low} to {high}"),
                    _ => branch["const"]
                        .as_u64()
                        .map_or_else(|| "number".to_owned(), |only| format!("`{only}`")),
                },
                Kind::Boolean => "`true`, `false`".to_owned(),
                Kind::List => format!("list of {}", self.items(&branch["items"])),
                Kind::Map => match branch.get("additionalProperties") {
                    Some(inner @ Json::Object(_)) => {
                        format!("map of names to {}", self.items(inner))
                    }
                    _ => "map".to_owned(),
                },
                Kind::Nothing => String::new(),
            })
            .collect()
    }

    /// What a list or a map of names holds, in the plural where that is one word.
    fn items(&self, schema: &'a Json) -> String {
        match self.takes(schema).as_str() {
            "text" => "texts".to_owned(),
            "map" => "maps".to_owned(),
            other => other.to_owned(),
        }
    }

    fn rules(&mut self) {
        self.text.push_str(
            "\n### `rules`\n\nLevels of rules, by the rule's name: `block` refuses the migration, \
             `warn` and `info` are reported, `off` is not judged. Write `rule: level` or \
             `rule: { level: …, over: … }`; `over` is how much the rules with a limit let pass.\n\n\
             | rule | default | what must hold |\n|---|---|---|\n",
        );
        for rule in rules::every() {
            self.text.push_str(&format!(
                "| `{}` | `{}`{} | {} |\n",
                rule.id,
                rule.level,
                rule.limit
                    .map(|limit| format!(", over `{limit}`"))
                    .unwrap_or_default(),
                cell(rule.summary)
            ));
        }
    }
}

/// Text in a table's cell.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
