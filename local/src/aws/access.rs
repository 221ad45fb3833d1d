//! What a call needs the right to, as IAM sees it.

use std::fmt;

use serde_json::Value;

/// An action, and what it is for: the items' partition keys, which are `dynamodb:LeadingKeys` in a policy's condition,
/// or a secret's name.
pub(super) struct Access {
    pub(super) action: String,
    pub(super) keys: Vec<String>,
}

impl fmt::Display for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|key| form(key)).collect();
        write!(out, "{} of {}", self.action, keys.join(", "))
    }
}

/// What a call needs. A transaction needs no right of its own, but that of each of its writes, for that one's item.
pub(super) fn needed(service: &str, operation: &str, request: &Value) -> Vec<Access> {
    if operation != "TransactWriteItems" {
        let secret = request["SecretId"].as_str().map(ToOwned::to_owned);
        let keys = leading_keys(request).into_iter().chain(secret).collect();
        return vec![Access { action: format!("{service}:{operation}"), keys }];
    }
    let writes = request["TransactItems"].as_array().into_iter().flatten();
    // `Put` is allowed by `PutItem`, `ConditionCheck` by `ConditionCheckItem`.
    let access = |(kind, write): (&String, &Value)| Access {
        action: format!("{service}:{kind}Item"),
        keys: leading_keys(write),
    };
    writes.filter_map(Value::as_object).flatten().map(access).collect()
}

/// The partition keys that a request names; none for a scan, and for what is not understood here.
fn leading_keys(request: &Value) -> Vec<String> {
    let batches = request["RequestItems"].as_object().into_iter().flatten();
    let batches = batches.filter_map(|(_, wanted)| wanted["Keys"].as_array()).flatten();
    let items = [&request["Key"], &request["Item"]].into_iter().chain(batches);
    let keys = items.filter_map(|item| item["pk"]["S"].as_str()).chain(queried(request));
    keys.map(ToOwned::to_owned).collect()
}

/// The partition key that a query is for.
fn queried(request: &Value) -> Option<&str> {
    let mut terms = request["KeyConditionExpression"].as_str()?.split(" AND ");
    let placeholder = terms.find_map(|term| term.trim().strip_prefix("pk = "))?;
    request["ExpressionAttributeValues"][placeholder]["S"].as_str()
}

/// A partition key without what it is about: its words in capitals, and which limit it is that counts. Where an
/// enterprise's id would stand and nothing does, nothing does here. Of a secret's name, the enterprise that it is of.
#[must_use]
pub fn form(key: &str) -> String {
    if let Some((stack, secret)) = key.split_once('/') {
        let kind = secret.split_once('/').map_or(secret.to_owned(), |(kind, _)| format!("{kind}/*"));
        return format!("{stack}/{kind}");
    }
    let parts: Vec<_> = key.split('#').collect();
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
    let kept = parts.iter().enumerate().map(|(index, part)| match index {
        _ if index % 2 == 0 && is_word(part) => *part,
        1 if part.is_empty() => "",
        3 if parts[2] == "LIMIT" => part,
        _ => "*",
    });
    kept.collect::<Vec<_>>().join("#")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_s_form_tells_nothing_of_whom_it_is_about() {
        for (key, wanted) in [
            ("KEYS", "KEYS"),
            ("ENT#acme", "ENT#*"),
            ("ENT#acme#ENT#7", "ENT#*#ENT#*"),
            ("ENT#acme#KEY#acme-watch#47", "ENT#*#KEY#*#*"),
            ("ENT#acme#USER#01JD0000000000000000000ANA", "ENT#*#USER#*"),
            ("ENT#acme#LIMIT#login-account#9f86d081", "ENT#*#LIMIT#login-account#*"),
            ("ENT##LIMIT#reset-source#9f86d081", "ENT##LIMIT#reset-source#*"),
            ("QR#-", "QR#*"),
            ("QR#BCDFGHJK", "QR#*"),
            ("usher/keys", "usher/keys"),
            ("usher/sso/acme", "usher/sso/*"),
        ] {
            assert_eq!(form(key), wanted);
        }
    }

    #[test]
    fn each_write_of_a_transaction_needs_its_own_right() {
        let [one, two] = ["ENT#acme#ID#1", "ENT#acme#USER#2"].map(|pk| json!({ "pk": { "S": pk } }));
        let request = json!({ "TransactItems": [
            { "Put": { "Item": one } }, { "ConditionCheck": { "Key": two } },
        ] });
        let needed: Vec<_> = needed("dynamodb", "TransactWriteItems", &request)
            .into_iter()
            .map(|access| (access.action, access.keys))
            .collect();
        let wanted = [("PutItem", "ENT#acme#ID#1"), ("ConditionCheckItem", "ENT#acme#USER#2")];
        assert_eq!(needed, wanted.map(|(action, key)| (format!("dynamodb:{action}"), vec![key.to_owned()])));
    }

    #[test]
    fn a_batch_names_all_its_keys_a_query_one_and_a_scan_none() {
        let keys = |operation: &str, request: Value| needed("dynamodb", operation, &request).remove(0).keys;
        let batch = json!({ "RequestItems": { "usher": { "Keys": [
            { "pk": { "S": "KEYS" } }, { "pk": { "S": "SMS" } },
        ] } } });
        assert_eq!(keys("BatchGetItem", batch), ["KEYS", "SMS"]);
        let query = json!({
            "KeyConditionExpression": "begins_with(sk, :sk) AND pk = :pk",
            "ExpressionAttributeValues": { ":pk": { "S": "QR#1" }, ":sk": { "S": "S" } },
        });
        assert_eq!(keys("Query", query), ["QR#1"]);
        assert_eq!(keys("Scan", json!({ "TableName": "usher" })), [""; 0]);
    }
}
