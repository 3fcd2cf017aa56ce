//! Names of places and machines, checked once and typed after.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is no valid name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {text:?} is not valid: {rule}")]
pub struct IdError {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

impl IdError {
    fn new(kind: &'static str, text: &str, rule: &'static str) -> Self {
        Self { kind, text: text.chars().take(40).collect(), rule }
    }
}

/// A health facility's code: 5 digits, 9 digits, or (since 1 October 2024) nine characters with letters. Never a number:
/// leading zeros count.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FacilityCode(String);

impl FacilityCode {
    /// # Errors
    /// When the text is neither 5 digits nor 9 upper-case letters or digits.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let five = text.len() == 5 && text.bytes().all(|b| b.is_ascii_digit());
        let nine = text.len() == 9 && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        if five || nine {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::new("facility code", text, "5 digits, or 9 digits or capital letters"))
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sensor's name, given at enrolment: the facility's code, a dash and a number, such as `10665-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SensorId(String);

impl SensorId {
    /// # Errors
    /// When the text is not a facility code, a dash and a number of at most four digits.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let rule = "a facility code, a dash and a number of at most 4 digits, such as 10665-1";
        let refuse = || IdError::new("sensor id", text, rule);
        let (code, number) = text.split_once('-').ok_or_else(refuse)?;
        FacilityCode::new(code).map_err(|_| refuse())?;
        let good = (1..=4).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
        if good { Ok(Self(text.to_owned())) } else { Err(refuse()) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The facility in which the sensor stands.
    #[must_use]
    pub fn facility(&self) -> FacilityCode {
        let code = self.0.split_once('-').map_or(self.0.as_str(), |(code, _)| code);
        FacilityCode(code.to_owned())
    }
}

macro_rules! text_id {
    ($type:ident) => {
        impl TryFrom<String> for $type {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(&text)
            }
        }

        impl From<$type> for String {
            fn from(id: $type) -> Self {
                id.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(FacilityCode);
text_id!(SensorId);

/// One of Thailand's thirteen health regions (เขตสุขภาพ); 13 is Bangkok.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct HealthRegion(u8);

impl HealthRegion {
    /// # Errors
    /// When the number is not 1 to 13.
    pub fn new(number: u8) -> Result<Self, IdError> {
        if (1..=13).contains(&number) {
            Ok(Self(number))
        } else {
            Err(IdError::new("health region", &number.to_string(), "1 to 13"))
        }
    }

    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for HealthRegion {
    type Error = IdError;
    fn try_from(number: u8) -> Result<Self, IdError> {
        Self::new(number)
    }
}

impl From<HealthRegion> for u8 {
    fn from(region: HealthRegion) -> Self {
        region.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_facility_code_is_a_string_of_three_shapes() {
        for good in ["10665", "00051", "001066500", "EA0010665"] {
            assert!(FacilityCode::new(good).is_ok(), "{good}");
        }
        for bad in ["", "1066", "106650", "ea0010665", "10 65", "๑๐๖๖๕"] {
            assert!(FacilityCode::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sensor_knows_its_facility() {
        let sensor = SensorId::new("10665-1").expect("valid");
        assert_eq!(sensor.facility().as_str(), "10665");
        assert!(SensorId::new("10665").is_err());
        assert!(SensorId::new("10665-12345").is_err());
    }
}
