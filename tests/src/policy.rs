//! What `template.yaml` allows each function, judged as IAM judges it. Only what the template makes use of is known
//! here; a policy of another form panics.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_yaml_ng::Value;

/// The key of a condition that names the partition keys of the items that a request is for.
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

/// The statements of each function that has a policy.
pub static POLICIES: LazyLock<BTreeMap<String, Vec<Statement>>> = LazyLock::new(|| {
    let policies = |function: &Value| {
        let policies = function["Properties"]["Policies"].as_sequence().into_iter().flatten();
        policies.flat_map(|policy| each_of(&policy["Statement"], Statement::read)).collect()
    };
    template_functions().into_iter().map(|(name, function)| (name, policies(&function))).collect()
});

/// The functions of the template by their binaries.
pub fn template_functions() -> BTreeMap<String, Value> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
    let text = std::fs::read_to_string(file).expect("the template is there");
    let template: Value = serde_yaml_ng::from_str(&text).expect("the template is YAML");
    let resources = template["Resources"].as_mapping().expect("resources").values();
    let functions = resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    functions
        .map(|function| {
            let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a binary");
            (binary.to_owned(), function.clone())
        })
        .collect()
}

/// Whether a function may do this to items with these partition keys, or to secrets of these names: whether one
/// statement allows all of it. Who is no function of the template, as what the benchmark compares with, may do
/// everything.
pub fn allows(function: &str, action: &str, keys: &[String]) -> bool {
    let Some(statements) = POLICIES.get(function) else { return true };
    statements
        .iter()
        .any(|statement| statement.actions.iter().any(|allowed| allowed == action) && statement.covers(keys))
}

/// A statement that allows something.
#[derive(Debug)]
pub struct Statement {
    /// What it allows.
    pub actions: Vec<String>,
    /// For which partition keys, where it is about the table, or for which secrets.
    pub keys: Option<Keys>,
}

/// A condition on partition keys, or the names of secrets.
#[derive(Debug)]
pub struct Keys {
    /// Each has to be like one of these.
    pub like: Vec<String>,
    /// And like none of these.
    pub not_like: Vec<String>,
}

impl Statement {
    fn read(statement: &Value) -> Self {
        assert_eq!(statement["Effect"], "Allow");
        let actions = each_of(&statement["Action"], text);
        assert!(!actions.iter().any(|action| action.contains(['*', '?'])), "{actions:?}");
        let service = actions[0].split(':').next().expect("a service");
        assert!(actions.iter().all(|action| action.split(':').next() == Some(service)), "{actions:?}");
        let resources = each_of(&statement["Resource"], |resource| resource.as_str().map(ToOwned::to_owned));
        let resources: Vec<_> = resources.into_iter().flatten().collect();
        let keys = match service {
            "dynamodb" => {
                assert_eq!(resources, ["Table.Arn"]);
                return Self { actions, keys: Some(Keys::read(&statement["Condition"])) };
            }
            "secretsmanager" => Some(Keys::of_secrets(&resources)),
            "ses" => {
                let mail = "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:";
                assert_eq!(resources, ["identity/*", "configuration-set/*"].map(|of| format!("{mail}{of}")));
                None
            }
            // A phone number has no ARN: whatever has one is left out.
            "sns" => {
                assert_eq!(text(&statement["NotResource"]), "arn:${AWS::Partition}:sns:*:*:*");
                None
            }
            other => panic!("{other} is not known here"),
        };
        assert!(statement["Condition"].is_null(), "{statement:?}");
        Self { actions, keys }
    }

    /// Whether its condition, if it has one, is met by a request for these partition keys.
    pub fn covers(&self, keys: &[String]) -> bool {
        self.keys.as_ref().is_none_or(|wanted| !keys.is_empty() && keys.iter().all(|key| wanted.fit(key)))
    }
}

impl Keys {
    /// The secrets of a statement's resources, by the names that they have on the local stack.
    fn of_secrets(resources: &[String]) -> Self {
        let name = |resource: &String| match resource.as_str() {
            "KeysSecret" => "usher/keys".to_owned(),
            "PepperSecret" => "usher/pepper".to_owned(),
            other => {
                let own = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:";
                let own = other.strip_prefix(own).and_then(|name| name.strip_prefix("${AWS::StackName}"));
                format!("usher{}", own.expect("a secret of this stack"))
            }
        };
        Self { like: resources.iter().map(name).collect(), not_like: Vec::new() }
    }

    fn read(condition: &Value) -> Self {
        let (mut like, mut not_like, mut is_required) = (Vec::new(), Vec::new(), false);
        for (operator, tested) in condition.as_mapping().expect("each statement on the table has a condition")
        {
            let tested = tested.as_mapping().expect("a condition's keys");
            assert!(tested.len() == 1 && tested.contains_key(LEADING_KEYS), "{tested:?}");
            match operator.as_str().expect("an operator") {
                // `ForAllValues` is true of no values: this is what refuses a request that names no key.
                "Null" => is_required = tested[LEADING_KEYS] == "false",
                "ForAllValues:StringLike" => like = each_of(&tested[LEADING_KEYS], text),
                "ForAllValues:StringNotLike" => not_like = each_of(&tested[LEADING_KEYS], text),
                other => panic!("{other} is not known here"),
            }
        }
        assert!(is_required && !like.is_empty(), "{condition:?}");
        Self { like, not_like }
    }

    fn fit(&self, key: &str) -> bool {
        let is_like = |patterns: &[String]| patterns.iter().any(|pattern| is_like(pattern, key));
        is_like(&self.like) && !is_like(&self.not_like)
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Reads each of a list, or the one thing that stands in its place.
fn each_of<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_sequence().map_or_else(|| vec![read(value)], |values| values.iter().map(&read).collect())
}

/// `StringLike`: `*` is any number of characters, none too, and `?` is one; `#` is a character like any other.
pub fn is_like(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    let wanted = rest.next();
    let rest = rest.as_str();
    let mut others = text.chars();
    match wanted {
        None => text.is_empty(),
        Some('*') => is_like(rest, text) || others.next().is_some() && is_like(pattern, others.as_str()),
        Some(wanted) => {
            others.next().is_some_and(|first| wanted == '?' || wanted == first)
                && is_like(rest, others.as_str())
        }
    }
}
