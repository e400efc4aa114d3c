//! Graphs with one thing wrong in them.

use serde_json::{Value, json};
use wildcam::{
    cloud::control::Address,
    deploy::{
        graph::{Graph, Resource},
        validate::schema::{Node, Schema, Type},
    },
};

/// A graph in which one property is wrong.
pub(crate) struct Mutant {
    pub(crate) manner: &'static str,
    pub(crate) graph: Graph,
    pub(crate) address: Address,
    /// The pointer of what is wrong.
    pub(crate) pointer: String,
    /// The line at which a finding is expected.
    pub(crate) line: u32,
}

/// One mutant for each property of each resource and each way to be wrong that the schema can tell.
pub(crate) fn of(graph: &Graph) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for resource in graph.resources.values() {
        let Some(schema) = Schema::of(resource.provider, &resource.kind) else { continue };
        let mut of = Of { graph, resource, mutants: &mut mutants };
        of.walk(schema, schema.node(&schema.root), &resource.properties, "");
        of.read_only(schema);
    }
    mutants
}

struct Of<'a> {
    graph: &'a Graph,
    resource: &'a Resource,
    mutants: &'a mut Vec<Mutant>,
}

impl Of<'_> {
    fn walk(&mut self, schema: &Schema, node: &Node, value: &Value, at: &str) {
        match value {
            Value::Object(entries) => {
                let closed = node.additional.is_none() && node.discriminator.is_none() && !node.is_any();
                for (key, inner) in entries {
                    let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                    if closed && key.len() > 2 {
                        self.misspell(node, at, key, &pointer);
                    }
                    let Some(child) = schema.child(node, key) else { continue };
                    let child = schema.node(child);
                    self.retype(child, inner, &pointer);
                    self.walk(schema, child, inner, &pointer);
                }
            }
            Value::Array(items) => {
                let Some(inner) = &node.items else { return };
                for (index, item) in items.iter().enumerate() {
                    let inner = schema.node(inner);
                    self.walk(schema, inner, item, &format!("{at}/{index}"));
                }
            }
            _ => {}
        }
    }

    /// A letter falls out of a property's name.
    fn misspell(&mut self, node: &Node, at: &str, key: &str, pointer: &str) {
        let middle = key.char_indices().nth(key.chars().count() / 2).map_or(0, |(at, _)| at);
        let mut wrong = key.to_owned();
        wrong.remove(middle);
        if node.properties.contains_key(&wrong) {
            return;
        }
        let mut properties = self.resource.properties.clone();
        let Some(Value::Object(entries)) = properties.pointer_mut(at) else { return };
        let Some(value) = entries.remove(key) else { return };
        entries.insert(wrong.clone(), value);
        // The line stays what it was; only the name on it changed.
        let line = self.line(pointer);
        let renamed = format!("{at}/{wrong}");
        self.keep("misspelt", properties, pointer, &renamed, line);
    }

    /// A value of a type that does not belong there.
    fn retype(&mut self, node: &Node, value: &Value, pointer: &str) {
        let types = node.types.list();
        if types.is_empty() {
            return;
        }
        let wrong = [
            (Type::Object, json!({ "zebra": 1 })),
            (Type::Array, json!(["zebra"])),
            (Type::Boolean, json!(true)),
            (Type::Integer, json!(7)),
            (Type::String, json!("zebra")),
        ];
        let wrong = wrong.into_iter().find(|(of, _)| !types.iter().any(|wanted| of.serves(*wanted)));
        let Some((_, wrong)) = wrong.filter(|(_, wrong)| wrong != value) else { return };
        let mut properties = self.resource.properties.clone();
        let Some(place) = properties.pointer_mut(pointer) else { return };
        *place = wrong;
        let line = self.line(pointer);
        self.keep("of the wrong type", properties, pointer, pointer, line);
    }

    /// What only the provider sets.
    fn read_only(&mut self, schema: &Schema) {
        let at_the_top = schema.read_only.iter().filter(|pointer| pointer.matches('/').count() == 1);
        for pointer in at_the_top {
            let mut properties = self.resource.properties.clone();
            let Value::Object(entries) = &mut properties else { continue };
            entries.insert(pointer[1..].to_owned(), json!("zebra"));
            let line = self.resource.place.line;
            self.keep("read-only", properties, pointer, pointer, line);
        }
    }

    /// As validation says it: the line of the property, else of what is around it.
    fn line(&self, pointer: &str) -> u32 {
        let mut at = pointer;
        loop {
            if let Some(line) = self.resource.places.get(at) {
                return *line;
            }
            match at.rsplit_once('/') {
                Some((around, _)) => at = around,
                None => return self.resource.place.line,
            }
        }
    }

    fn keep(&mut self, manner: &'static str, properties: Value, was: &str, pointer: &str, line: u32) {
        let mut graph = self.graph.clone();
        let Some(resource) = graph.resources.get_mut(&self.resource.address) else { return };
        resource.properties = properties;
        if was != pointer {
            let moved: Vec<(String, u32)> = resource
                .places
                .iter()
                .filter(|(place, _)| *place == was || place.starts_with(&format!("{was}/")))
                .map(|(place, line)| (format!("{pointer}{}", &place[was.len()..]), *line))
                .collect();
            resource.places.extend(moved);
        }
        let address = self.resource.address.clone();
        self.mutants.push(Mutant { manner, graph, address, pointer: pointer.to_owned(), line });
    }
}
