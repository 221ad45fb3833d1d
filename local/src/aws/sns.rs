//! SNS: `Publish` to a phone number.

use super::{Answer, failure};
use crate::world::{Sms, World};

pub(super) fn call(operation: &str, body: &[u8], world: &World) -> Answer {
    let field = |name: &str| {
        form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let (Some(to), Some(text), "Publish") = (field("PhoneNumber"), field("Message"), operation) else {
        return failure("sns", 400, "InvalidParameter");
    };
    let attributes = (1..)
        .map(|index| format!("MessageAttributes.entry.{index}"))
        .map_while(|entry| {
            Some((field(&format!("{entry}.Name"))?, field(&format!("{entry}.Value.StringValue"))?))
        })
        .collect();
    let mut outbox = world.outbox();
    outbox.sms.push(Sms { to, body: text, attributes, at: world.clock.now() });
    let id = outbox.sms.len();
    Answer::ok(
        "text/xml",
        format!(
            "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
             <MessageId>local-{id}</MessageId></PublishResult><ResponseMetadata><RequestId>local</RequestId>\
             </ResponseMetadata></PublishResponse>"
        ),
    )
}
