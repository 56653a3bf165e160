//! Writes the finished tree and says where each of its values stands.

use serde_json::{Map, Value};

use super::below;
use crate::lineage::{Lineage, Origin};
use crate::run::Halt;

/// A value of the document.
pub(super) enum OutNode {
    Leaf(Value, Option<Origin>),
    Object(Vec<(String, OutNode)>),
    List(Vec<OutNode>),
}

pub(super) fn write(root: OutNode, bytes_max: usize) -> Result<(Vec<u8>, Vec<Lineage>), Halt> {
    let mut lineage = Vec::new();
    let mut budget = bytes_max;
    let value = value(root, "", &mut lineage, &mut budget)?;
    let mut document = serde_json::to_vec_pretty(&value).unwrap_or_default();
    document.push(b'\n');
    if document.len() > bytes_max {
        return Err(Halt::Bytes);
    }
    Ok((document, lineage))
}

fn value(
    node: OutNode,
    at: &str,
    lineage: &mut Vec<Lineage>,
    budget: &mut usize,
) -> Result<Value, Halt> {
    match node {
        OutNode::Leaf(value, origin) => {
            let length = value.as_str().map_or(1, str::len);
            *budget = budget.checked_sub(length).ok_or(Halt::Bytes)?;
            lineage.extend(origin.map(|origin| origin.at(at.to_owned())));
            Ok(value)
        }
        OutNode::Object(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                let member = value(member, &below(at, &name), lineage, budget)?;
                object.insert(name, member);
            }
            Ok(Value::Object(object))
        }
        OutNode::List(items) => {
            let mut list = Vec::new();
            for (index, item) in items.into_iter().enumerate() {
                list.push(value(item, &format!("{at}/{index}"), lineage, budget)?);
            }
            Ok(Value::Array(list))
        }
    }
}
