//! Making the table where no template does: in the local stack and on test stores.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};

use super::{Error, Store};
use crate::aws::describe;

impl Store {
    /// Creates the table as `template.yaml` describes it: `pk`, `sk`, on demand, TTL on
    /// `expires_at`. One that is there already is left as it is.
    ///
    /// # Errors
    /// When the store refuses or does not answer.
    ///
    /// # Panics
    /// Never: name and kind of both keys are set.
    pub async fn create_table(&self) -> Result<(), Error> {
        let mut request =
            self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
            let definition =
                AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
            let schema = KeySchemaElement::builder().attribute_name(name).key_type(kind);
            request = request
                .attribute_definitions(definition.build().expect("name and type are set"))
                .key_schema(schema.build().expect("name and kind are set"));
        }
        match request.send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceInUseException") => return Ok(()),
            Err(error) => return Err(Error::new(describe("CreateTable", &error))),
        }
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires_at");
        self.client
            .update_time_to_live()
            .table_name(&self.table)
            .time_to_live_specification(ttl.build().expect("both fields are set"))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Error::new(describe("UpdateTimeToLive", &error)))
    }
}
