//! Text messages through SNS: what people are told, and how it is sent.
//! <https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html>

use std::time::Duration;

use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use aws_sdk_sns::config::retry::RetryConfig;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::aws::{Unsent, pause};
use crate::config::{Environment, timeouts};
use crate::mail::one_line;
use crate::otp;
use crate::private::Private;
use crate::store::enterprise::Enterprise;
use crate::store::sms_ceiling::DOLLAR;

/// How often SNS is asked that refuses for now.
const ATTEMPTS: u32 = 3;

/// How long SNS may take: an answer that comes later leaves open whether there is a message.
const PATIENCE: Duration = Duration::from_secs(3);

/// Characters of GSM 03.38 that one part of a message holds (3GPP TS 23.038 §6.1.2.2.1).
const PART: usize = 160;

/// The least of a brand that a message shows, in characters, whatever else it has to hold.
const LEAST_BRAND: usize = 20;

/// Whether `host` can stand in a message's last line: a name in lower case, without a port.
#[must_use]
pub fn is_host(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=253).contains(&host.len()) && host.bytes().all(is_plain)
}

/// A message to one phone.
#[derive(Debug)]
pub struct Sms {
    text: Private,
}

impl Sms {
    /// The message that carries a one-time code. Its last line lets phones fill the code in on pages of `domain`,
    /// and on no other: <https://wicg.github.io/sms-one-time-codes/>.
    #[must_use]
    pub fn code(brand: &str, domain: &str, code: &Private) -> Self {
        let (code, minutes) = (code.expose(), otp::LIFETIME / 60);
        let text = |brand: &str| {
            format!(
                "{code} is your code for {brand}. It works for {minutes} minutes. Tell it to nobody.\n\n\
                 @{domain} #{code}"
            )
        };
        // As much of the brand as leaves the message one part: each is paid for.
        let room = PART.saturating_sub(text("").len()).max(LEAST_BRAND);
        let text = text(&one_line(brand).chars().take(room).collect::<String>());
        Self { text: text.into() }
    }

    /// How many parts the message is sent in; each is paid for. One holds 160 characters of GSM 03.38 or, where
    /// the message has any other, 70 of UTF-16; of several, each has room for 153 or 67.
    #[must_use]
    pub fn parts(&self) -> u16 {
        let text = self.text.expose();
        let septets: Option<usize> = text.chars().map(septets).sum();
        let (length, one, each) = match septets {
            Some(length) => (length, PART, 153),
            None => (text.encode_utf16().count(), 70, 67),
        };
        if length <= one { 1 } else { u16::try_from(length.div_ceil(each)).unwrap_or(u16::MAX) }
    }
}

/// How much room a character takes in GSM 03.38 (3GPP TS 23.038 §6.2.1); `None` for one that is not in it. Only
/// ASCII is looked for, so some letters count as if they were not in it: for too much, never too little.
fn septets(c: char) -> Option<usize> {
    match c {
        '[' | ']' | '{' | '}' | '\\' | '^' | '~' | '|' => Some(2),
        '`' => None,
        '\n' | ' '..='~' => Some(1),
        _ => None,
    }
}

/// Sends text messages for enterprises.
#[derive(Debug)]
pub struct Texter {
    client: Client,
}

impl Texter {
    /// A sender with the environment's SNS.
    #[must_use]
    pub fn new(environment: &Environment) -> Self {
        // Whether a call without an answer sent something, nobody can say, and SNS sends what it is asked a
        // second time a second time: what is tried again is decided below, and not by the client.
        let timeouts = timeouts().to_builder().operation_attempt_timeout(PATIENCE).build();
        let config =
            Builder::from(&environment.aws).retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        Self { client: Client::from_conf(config.build()) }
    }

    /// Sends `sms` to a number (E.164) in the enterprise's name, for `most` millionths of a dollar at most.
    ///
    /// # Errors
    /// When SNS refuses or does not answer.
    pub async fn send(
        &self,
        enterprise: &Enterprise,
        to: &Private,
        sms: &Sms,
        most: i64,
    ) -> Result<(), Unsent> {
        let settings = &enterprise.settings.sms;
        let max_price = format!("{}.{:06}", most / DOLLAR, most % DOLLAR);
        let mut request = self
            .client
            .publish()
            .phone_number(to.expose())
            .message(sms.text.expose())
            .message_attributes("AWS.SNS.SMS.SMSType", attribute("String", "Transactional")?)
            .message_attributes("AWS.SNS.SMS.MaxPrice", attribute("Number", &max_price)?);
        let from = [
            ("AWS.SNS.SMS.SenderID", &settings.sender_id),
            ("AWS.MM.SMS.OriginationNumber", &settings.origination_number),
        ];
        for (name, value) in from {
            if let Some(value) = value {
                request = request.message_attributes(name, attribute("String", value)?);
            }
        }
        let mut attempt = 0;
        loop {
            let Err(error) = request.clone().send().await else { return Ok(()) };
            attempt += 1;
            if attempt == ATTEMPTS || !is_passing(&error) {
                return Err(Unsent::of("Publish", &error));
            }
            pause(attempt).await;
        }
    }
}

/// Whether SNS has said that it did nothing, and may do it in a moment.
fn is_passing<R>(error: &SdkError<PublishError, R>) -> bool {
    let SdkError::ServiceError(refusal) = error else { return false };
    let code = refusal.err().code().unwrap_or_default();
    ["Throttl", "Internal", "ServiceUnavailable"].iter().any(|start| code.starts_with(start))
}

fn attribute(kind: &str, value: &str) -> Result<MessageAttributeValue, Unsent> {
    let attribute = MessageAttributeValue::builder().data_type(kind).string_value(value).build();
    attribute.map_err(|_| Unsent::Refused("an attribute has no type".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_for(brand: &str) -> Sms {
        Sms::code(brand, "watch.acme.example", &"012345".into())
    }

    #[test]
    fn a_message_has_brand_minutes_and_a_last_line_for_phones() {
        let sms = code_for("Acme\nPictures");
        let lines: Vec<_> = sms.text.expose().lines().collect();
        assert_eq!(
            lines[0],
            "012345 is your code for Acme Pictures. It works for 5 minutes. Tell it to nobody."
        );
        assert_eq!(lines.last(), Some(&"@watch.acme.example #012345"));
        assert!(!format!("{sms:?}").contains("012345"));
    }

    #[test]
    fn a_message_is_paid_for_by_its_parts() {
        assert_eq!(code_for("Acme").parts(), 1);
        // The longest name that API Gateway gives a deployment of its own.
        for host in ["a1b2c3d4e5.execute-api.ap-southeast-1.amazonaws.com", "x.example"] {
            let sms = Sms::code(&"A".repeat(500), host, &"012345".into());
            assert_eq!((sms.parts(), sms.text.expose().len()), (1, PART));
        }
        assert_eq!(code_for("映画館").parts(), 2);
        let of = |text: &str| Sms { text: text.into() }.parts();
        for (text, parts) in [("x", 160), ("[", 80), ("é", 70), ("`", 70), ("🎬", 35)]
            .map(|(text, fits)| (text.repeat(fits), text.repeat(fits + 1)))
            .map(|(fits, does_not)| ((fits, 1), (does_not, 2)))
            .into_iter()
            .flat_map(|(one, two)| [one, two])
        {
            assert_eq!(of(&text), parts, "{} characters", text.chars().count());
        }
    }
}
