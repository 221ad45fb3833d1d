//! Domains: host names, and the enterprise that each belongs to.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};

use super::{Error, Key, Store, text};
use crate::aws::describe;

/// Whose a host name is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The enterprise's id.
    pub enterprise: String,
}

impl Domain {
    /// The item's key. Host names are the same in any case (RFC 4343).
    #[must_use]
    pub fn key(host: &str) -> Key {
        Key::new(format!("DOMAIN#{}", host.to_ascii_lowercase()), "DOMAIN")
    }
}

impl Store {
    /// Gives up a host name that is `enterprise`'s; another's is left alone.
    ///
    /// # Errors
    /// When `DynamoDB` does not answer.
    pub async fn release_domain(&self, host: &str, enterprise: &str) -> Result<(), Error> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(Domain::key(host).attributes()))
            .condition_expression("enterprise = :enterprise")
            .expression_attribute_values(":enterprise", text(enterprise));
        match request.send().await {
            Ok(_) => Ok(()),
            // It is gone, or somebody else's.
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(Error(describe("DeleteItem", &error))),
        }
    }
}
