//! `usher keys`, as an operator runs it, against the local stack's stand-ins.

use std::process::Output;

use local::Stack;

use crate::{lines, stack, usher};

async fn keys(stack: &Stack, arguments: &[&str]) -> Output {
    usher(stack, &[&["keys"], arguments].concat()).await
}

/// The keys by their `kid`, each with what is said of it.
async fn told(stack: &Stack, command: &str) -> Vec<(String, String)> {
    let lines = lines(&keys(stack, &[command]).await).into_iter();
    let split = |line: String| line.split_once("  ").map(|(kid, role)| (kid.to_owned(), role.to_owned()));
    lines.map(|line| split(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_key_signs_after_a_rotation_and_the_old_one_verifies() {
    let stack = stack().await;
    let before = told(&stack, "show").await;
    let roles = |keys: &[(String, String)]| keys.iter().map(|(_, role)| role.clone()).collect::<Vec<_>>();
    assert_eq!(roles(&before), ["signs", "signs after the next rotation"]);
    let after = told(&stack, "rotate").await;
    assert_eq!(after, told(&stack, "show").await);
    assert_eq!([&after[0].0, &after[1].0], [&before[0].0, &before[1].0]);
    assert!(after[0].1.starts_with("verifies, until 20"), "{after:?}");
    assert_eq!(roles(&after)[1..], ["signs", "signs after the next rotation"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_change_nothing_and_are_told() {
    let stack = stack().await;
    let before = told(&stack, "show").await;
    for arguments in [["rotate", "--keys-secret", "other"], ["show", "--keys-secret", "other"]] {
        let output = keys(&stack, &arguments).await;
        assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("ResourceNotFoundException"), "{output:?}");
    }
    assert_eq!(told(&stack, "show").await, before);
}
