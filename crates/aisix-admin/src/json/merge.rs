use serde_json::{Map, Value};

/// JSON merge patch (RFC 7396): members of the patch replace those of the target, `null` removes.
pub(crate) fn merge_patch(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in patch {
        if value.is_null() {
            members.shift_remove(&name);
        } else {
            let old = members.get_mut(&name).map(Value::take).unwrap_or_default();
            members.insert(name, merge_patch(old, value));
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The test vectors of RFC 7396, appendix A.
    #[test]
    fn rfc_7396_vectors() {
        let vectors = json!([
            [{"a":"b"}, {"a":"c"}, {"a":"c"}],
            [{"a":"b"}, {"b":"c"}, {"a":"b","b":"c"}],
            [{"a":"b"}, {"a":null}, {}],
            [{"a":"b","b":"c"}, {"a":null}, {"b":"c"}],
            [{"a":["b"]}, {"a":"c"}, {"a":"c"}],
            [{"a":"c"}, {"a":["b"]}, {"a":["b"]}],
            [{"a":{"b":"c"}}, {"a":{"b":"d","c":null}}, {"a":{"b":"d"}}],
            [{"a":[{"b":"c"}]}, {"a":[1]}, {"a":[1]}],
            [["a","b"], ["c","d"], ["c","d"]],
            [{"a":"b"}, ["c"], ["c"]],
            [{"a":"foo"}, null, null],
            [{"a":"foo"}, "bar", "bar"],
            [{"e":null}, {"a":1}, {"e":null,"a":1}],
            [[1,2], {"a":"b","c":null}, {"a":"b"}],
            [{}, {"a":{"bb":{"ccc":null}}}, {"a":{"bb":{}}}],
        ]);
        for vector in vectors.as_array().unwrap() {
            let merged = merge_patch(vector[0].clone(), vector[1].clone());
            assert_eq!(merged, vector[2], "{vector}");
        }
    }
}
