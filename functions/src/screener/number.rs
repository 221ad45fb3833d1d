//! Phone numbers as people type them.

use rlibphonenumber::{PHONE_NUMBER_UTIL, ParseError, PhoneNumberFormat, PhoneNumberType, Region};
use shared::body::Invalid;
use shared::private::Private;

/// The most digits of a number without its country code (ITU-T E.164 §6.2.1: 15 with it).
pub(super) const MOST: u64 = 99_999_999_999_999;
/// The largest country code.
pub(super) const MOST_COUNTRY_CODE: u64 = 999;

/// A number that text messages can be sent to.
pub(super) struct Mobile {
    /// In E.164.
    pub(super) number: Private,
    /// Its country (ISO 3166-1 alpha-2). Several can share a country code, at prices far apart.
    pub(super) country: String,
}

/// Has the library read its rules, which takes longer than all the look-ups after that.
pub(super) fn look_up_once() {
    let _ = read(1, 2_025_550_143);
}

/// Reads `country_code` and `phone`, which must be a mobile number of that country, or one that cannot be told
/// from a mobile one, as in North America.
pub(super) fn read(country_code: u64, phone: u64) -> Result<Mobile, Invalid> {
    let not_mobile = || Invalid::new("phone", "must be a mobile number of that country");
    let rules = &*PHONE_NUMBER_UTIL;
    let number = rules.parse(format!("+{country_code}{phone}"), None).map_err(|error| match error {
        ParseError::InvalidCountryCode => Invalid::new("country_code", "is no country's"),
        _ => not_mobile(),
    })?;
    // The digits of the two run together: `+1` and `2425550143` are `+1242` and `5550143` to nobody.
    let is_split_here = u64::try_from(number.country_code) == Ok(country_code);
    let is_mobile = matches!(
        rules.get_number_type(&number),
        PhoneNumberType::Mobile | PhoneNumberType::FixedLineOrMobile
    );
    // Satellite networks are in no country.
    let country = rules.get_region_for_number(&number).filter(|region| *region != Region::World);
    let country = country.filter(|_| is_split_here && is_mobile);
    let country = country.ok_or_else(not_mobile)?;
    let number = rules.format(&number, PhoneNumberFormat::E164).into_owned().into();
    Ok(Mobile { number, country: country.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_messages_reach() {
        for (code, phone, e164, country) in [
            (1, 2_025_550_143, "+12025550143", "US"),
            (1, 2_423_591_234, "+12423591234", "BS"),
            (44, 7_400_123_456, "+447400123456", "GB"),
            (44, 7_797_712_345, "+447797712345", "JE"),
            (91, 8_123_456_789, "+918123456789", "IN"),
            (7, 7_710_009_998, "+77710009998", "KZ"),
            (267, 79_101_234, "+26779101234", "BW"),
            (241, 74_123_456, "+24174123456", "GA"),
            // With the prefix of calls within the country.
            (1, 12_025_550_143, "+12025550143", "US"),
        ] {
            let mobile = read(code, phone).unwrap();
            assert_eq!((mobile.number.expose(), mobile.country.as_str()), (e164, country));
        }
    }

    #[test]
    fn numbers_that_they_do_not_reach() {
        for (code, phone, field) in [
            (44, 2_079_460_000, "phone"),
            (1, 8_005_551_234, "phone"),
            (1, 9_005_550_123, "phone"),
            (44, 7_700_900_123, "phone"),
            // A digit too many for a mobile number, though not for every number of Malaysia.
            (60, 1_337_355_119, "phone"),
            // A satellite's.
            (881, 144_928_819, "phone"),
            (1, 1, "phone"),
            (1, MOST, "phone"),
            (999, 123_456_789, "country_code"),
            (12, 25_550_143, "phone"),
        ] {
            let told = read(code, phone).err().unwrap().to_string();
            assert!(told.starts_with(&format!("{field}: ")), "+{code} {phone}: {told}");
        }
    }
}
