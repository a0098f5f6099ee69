//! The JSON Schema of the policy, generated from the types that read it.

pub(super) mod shape;

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value as Json;

use super::raw::RawPolicy;
use crate::rules::{self, Limit};

/// The schema as it is committed in `pgrehearse.schema.json`.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&json()).unwrap_or_default();
    text.push('\n');
    text
}

/// The schema as a value.
pub(super) fn json() -> Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
        let mut schema = SchemaSettings::draft2020_12()
            .into_generator()
            .into_root_schema_for::<RawPolicy>();
        // An `Option` is a key that may be left out, not one that may be `null`.
        RecursiveTransform(without_null).transform(&mut schema);
        schema.insert("title".to_owned(), "pgrehearse policy".into());
        schema.to_value()
    });
    SCHEMA.clone()
}

fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Json::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Json::Array(alternatives)) = object.get_mut("anyOf") {
        alternatives.retain(|branch| branch["type"] != "null");
        if let [only] = alternatives.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            if let Json::Object(only) = only {
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
        }
    }
    // A default of null says nothing that "may be left out" does not.
    if object.get("default").is_some_and(Json::is_null) {
        object.remove("default");
    }
}

/// `rules:` names every rule, so that editors complete them.
pub(super) fn rule_levels(generator: &mut SchemaGenerator) -> Schema {
    let level = generator.subschema_for::<super::raw::RawRule>();
    let duration = generator.subschema_for::<super::raw::RawDurationRule>();
    let size = generator.subschema_for::<super::raw::RawSizeRule>();
    let percent = generator.subschema_for::<super::raw::RawPercentRule>();
    let properties: serde_json::Map<String, Json> = rules::every()
        .map(|rule| {
            let mut entry = match rule.limit {
                None => level.clone(),
                Some(Limit::Duration(_)) => duration.clone(),
                Some(Limit::Size(_)) => size.clone(),
                Some(Limit::Percent(_)) => percent.clone(),
            };
            entry.insert("description".to_owned(), rule.summary.into());
            (rule.id.to_owned(), entry.to_value())
        })
        .collect();
    json_schema!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

/// A text in a given form, with what the form is and an example.
macro_rules! text_form {
    ($name:ident, $title:literal, $example:literal) => {
        /// Describes a text form to editors; the reading is in `units`.
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "format": $title, "examples": [$example] })
            }
        }
    };
}

text_form!(DurationText, "duration", "30s");
text_form!(SizeText, "size", "20GB");
text_form!(PercentText, "percentage", "2%");
text_form!(DateText, "date", "2027-01-31");
