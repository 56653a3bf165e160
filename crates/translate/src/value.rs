//! Between JSON values and the expression library's values.

use jaq_json::{Map, Num, Rc, Val};
use serde_json::Value;

/// The library's value of `value`. Depth is bounded by whoever parsed `value` (`serde_json` stops at 128).
pub(crate) fn from_json(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(flag) => Val::Bool(*flag),
        Value::Number(number) => Val::Num(number_of(number)),
        Value::String(text) => Val::utf8_str(text.clone().into_bytes()),
        Value::Array(items) => Val::Arr(Rc::new(items.iter().map(from_json).collect())),
        Value::Object(members) => {
            let map: Map = members
                .iter()
                .map(|(key, member)| (Val::utf8_str(key.clone().into_bytes()), from_json(member)))
                .collect();
            Val::obj(map)
        }
    }
}

fn number_of(number: &serde_json::Number) -> Num {
    if let Some(int) = number.as_i64() {
        Num::from_integral(int)
    } else if let Some(int) = number.as_u64() {
        Num::from_integral(int)
    } else {
        Num::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// The JSON value of `value`, for JSON documents. Bytes that are no text and numbers that are none become `null`.
pub(crate) fn to_json(value: &Val) -> Value {
    match value {
        Val::Null => Value::Null,
        Val::Bool(flag) => Value::Bool(*flag),
        Val::Num(number) => serde_json::from_str(&number_text(number)).unwrap_or(Value::Null),
        Val::BStr(bytes) | Val::TStr(bytes) => {
            Value::String(String::from_utf8_lossy(bytes).into_owned())
        }
        Val::Arr(items) => Value::Array(items.iter().map(to_json).collect()),
        Val::Obj(members) => Value::Object(
            members
                .iter()
                .map(|(key, member)| (key_text(key), to_json(member)))
                .collect(),
        ),
    }
}

/// A member's name.
pub(crate) fn key_text(key: &Val) -> String {
    one_text(key).unwrap_or_default()
}

/// The text of one value; none for `null`, lists and objects.
pub(crate) fn one_text(value: &Val) -> Option<String> {
    match value {
        Val::Bool(flag) => Some(flag.to_string()),
        Val::Num(number) => Some(number_text(number)),
        Val::BStr(bytes) | Val::TStr(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Val::Null | Val::Arr(_) | Val::Obj(_) => None,
    }
}

/// Whole numbers without a fraction, others in the shortest form that reads back the same.
fn number_text(number: &Num) -> String {
    match number {
        Num::Float(float) if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 => {
            format!("{float:.0}")
        }
        Num::Float(float) => float.to_string(),
        Num::Int(_) | Num::BigInt(_) | Num::Dec(_) => number.to_string(),
    }
}

/// Whether there is nothing: `null`, or text of white space only.
pub(crate) fn is_blank(value: &Val) -> bool {
    match value {
        Val::Null => true,
        Val::TStr(text) => text.iter().all(u8::is_ascii_whitespace),
        Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => false,
    }
}

/// The member `key`, `null` if absent; none if `value` has no members.
pub(crate) fn member(value: &Val, key: &str) -> Option<Val> {
    match value {
        Val::Null => Some(Val::Null),
        Val::Obj(members) => Some(
            members
                .get(&Val::utf8_str(key.to_owned().into_bytes()))
                .cloned()
                .unwrap_or(Val::Null),
        ),
        Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) => None,
    }
}
