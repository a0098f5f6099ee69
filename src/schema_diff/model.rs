//! A database's catalogue as it is compared: objects by key, each a set of facts.

use std::collections::BTreeMap;

use crate::postgres::Major;
use crate::text::{Ident, QualifiedName};

use super::kind::ObjectKind;
use super::property::Property;

/// Everything of one database that is compared.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The version of the server that wrote the definitions.
    pub major: Major,
    pub(super) objects: BTreeMap<Key, Facts>,
}

impl Catalog {
    /// All of it as one text: two catalogues are alike where these are.
    pub fn canonical(&self) -> String {
        format!("{} {:?}", self.major, self.objects)
    }

    /// How many objects there are, columns and constraints among them.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    pub(super) fn get(&self, key: &Key) -> Option<Object<'_>> {
        self.objects
            .get_key_value(key)
            .map(|(key, facts)| Object { key, facts })
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = Object<'_>> {
        self.objects
            .iter()
            .map(|(key, facts)| Object { key, facts })
    }

    /// The table, view or domain of that name.
    pub(super) fn holder(&self, schema: &str, name: &str) -> Option<Object<'_>> {
        [
            ObjectKind::Table,
            ObjectKind::View,
            ObjectKind::MaterializedView,
            ObjectKind::ForeignTable,
            ObjectKind::Domain,
        ]
        .into_iter()
        .find_map(|kind| self.get(&Key::named(kind, schema, name)))
    }
}

/// What makes an object the same one in another database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub kind: ObjectKind,
    /// `None` for what has no schema.
    pub schema: Option<String>,
    /// The table or domain that it is named within.
    pub relation: Option<String>,
    pub name: String,
    /// What else tells objects of one name apart: argument types, an index method.
    pub signature: Option<String>,
}

impl Key {
    pub fn named(kind: ObjectKind, schema: &str, name: &str) -> Self {
        Self {
            kind,
            schema: Some(schema.to_owned()),
            relation: None,
            name: name.to_owned(),
            signature: None,
        }
    }

    /// As reports write it: `public.orders.note`, `public.total(integer)`.
    pub fn display(&self) -> String {
        match self.kind {
            ObjectKind::Cast | ObjectKind::Transform => return self.name.clone(),
            ObjectKind::DefaultPrivileges | ObjectKind::UserMapping => {
                let signature = self.signature.as_deref().unwrap_or_default();
                return format!("{} {signature}", self.name);
            }
            _ => {}
        }
        let mut text = String::new();
        if let Some(schema) = &self.schema {
            text.push_str(&format!("{}.", Ident(schema)));
        }
        // An index lives in the schema, whatever table it is of.
        if let Some(relation) = &self.relation
            && self.kind != ObjectKind::Index
        {
            text.push_str(&format!("{}.", Ident(relation)));
        }
        if self.kind == ObjectKind::Operator {
            text.push_str(&self.name);
        } else {
            text.push_str(&Ident(&self.name).to_string());
        }
        match (&self.signature, self.kind) {
            (Some(signature), ObjectKind::OperatorClass | ObjectKind::OperatorFamily) => {
                text.push_str(&format!(" {signature}"));
            }
            (Some(signature), _) => text.push_str(&format!("({signature})")),
            (None, _) => {}
        }
        text
    }

    /// The table, view or domain it is part of.
    pub fn relation_name(&self) -> Option<QualifiedName> {
        Some(QualifiedName::new(
            self.schema.as_deref()?,
            self.relation.as_deref()?,
        ))
    }

    /// Its own name in its schema.
    pub fn qualified_name(&self) -> QualifiedName {
        QualifiedName::new(self.schema.as_deref().unwrap_or_default(), &*self.name)
    }
}

pub(super) type Facts = BTreeMap<Property, Value>;

/// The value of one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// Sorted where the order means nothing.
    Many(Vec<String>),
}

impl Value {
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Many(members) => members.join(", "),
        }
    }

    pub fn members(&self) -> &[String] {
        match self {
            Self::Text(_) => &[],
            Self::Many(members) => members,
        }
    }
}

/// A key with its facts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub key: &'a Key,
    pub facts: &'a Facts,
}

impl<'a> Object<'a> {
    pub fn text(&self, property: Property) -> Option<&'a str> {
        match self.facts.get(&property)? {
            Value::Text(text) => Some(text),
            Value::Many(_) => None,
        }
    }

    pub fn many(&self, property: Property) -> &'a [String] {
        self.facts.get(&property).map_or(&[], Value::members)
    }

    pub fn has(&self, property: Property) -> bool {
        self.facts.contains_key(&property)
    }

    /// The table, view or domain whose absence explains this object's.
    pub fn parent(&self) -> Option<QualifiedName> {
        self.key.relation_name().or_else(|| {
            let names = self.many(Property::Parent);
            Some(QualifiedName::new(
                names.first()?.as_str(),
                names.get(1)?.as_str(),
            ))
        })
    }
}
