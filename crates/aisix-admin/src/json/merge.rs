use serde_json::{Map, Value};

/// JSON merge patch (RFC 7396): members of the patch replace those of the target, `null` removes. Where there is
/// nothing to remove, the `null` stays: readers take it as absent, unless they know no such member and refuse it.
pub(crate) fn merge_patch(target: Value, patch: Value) -> Value {
    let Value::Object(patch) = patch else { return patch };
    let mut members = match target {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    for (name, value) in patch {
        let old = members.get_mut(&name).map(Value::take);
        if value.is_null() && old.is_some() {
            members.shift_remove(&name);
        } else {
            members.insert(name, merge_patch(old.unwrap_or_default(), value));
        }
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn without_nulls(value: &Value) -> Value {
        let Value::Object(members) = value else { return value.clone() };
        let set = members.iter().filter(|(_, value)| !value.is_null());
        set.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
    }

    #[test]
    fn the_removal_of_nothing_stays_visible() {
        let merged = merge_patch(json!({"a": {"b": 1}}), json!({"a": {"b": null, "c": null}, "d": null}));
        assert_eq!(merged, json!({"a": {"c": null}, "d": null}));
    }

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
            assert_eq!(without_nulls(&merged), without_nulls(&vector[2]), "{vector}");
        }
    }
}
