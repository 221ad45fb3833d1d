//! What happens when the table fails: nothing opens, and a lost answer finds its own write.

use serde_json::json;
use tests::{ANA, App};

use super::{ANA_AT, ana};

#[tokio::test(flavor = "multi_thread")]
async fn when_the_table_fails_every_call_is_refused() {
    let app = App::start().await;
    let client = ana(&app).await;
    for error in ["server_error", "throttle"] {
        app.fail("dynamodb", "*", error, 1000).await;
        for answer in [
            app.vidizmo().authenticate(ANA_AT, ANA).await,
            client.user(ANA_AT).await,
            client.refresh_opaque().await,
            client.get("/api/v1/user/logout").await,
            client.post("/api/v1/user/logout", json!({})).await,
        ] {
            answer.expect_exception(500, "InternalServerException");
        }
        app.anonymous().send("DELETE", "/_local/faults", "").await;
    }
    client.user(ANA_AT).await.expect_value();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_of_any_kind_is_ridden_out() {
    let app = App::start().await;
    for error in ["server_error", "throttle", "lost_response", "timeout"] {
        for operation in ["GetItem", "BatchGetItem", "UpdateItem", "TransactWriteItems"] {
            app.fail("dynamodb", operation, error, 1).await;
            let client = ana(&app).await;
            app.fail("dynamodb", operation, error, 1).await;
            client.user(ANA_AT).await.expect_value();
            app.fail("dynamodb", operation, error, 1).await;
            let new = app.vidizmo().bearing(&client.refresh_opaque().await.opaque());
            app.fail("dynamodb", operation, error, 1).await;
            new.get("/api/v1/user/logout").await.expect_value();
            new.user(ANA_AT).await.expect_exception(400, "ExpiredAccessTokenException");
            app.anonymous().send("DELETE", "/_local/faults", "").await;
        }
    }
}
