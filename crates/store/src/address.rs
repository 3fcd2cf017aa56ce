//! An IP address as a column: its four or sixteen bytes, a third of what its text takes.

use sea_orm::{
    ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use std::{fmt, net::IpAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub IpAddr);

impl Address {
    fn of(bytes: &[u8]) -> Option<Self> {
        let four = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
        let sixteen = || <[u8; 16]>::try_from(bytes).map(IpAddr::from);
        four().or_else(|_| sixteen()).ok().map(Self)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Address> for Value {
    fn from(Address(ip): Address) -> Self {
        let bytes = match ip {
            IpAddr::V4(four) => four.octets().to_vec(),
            IpAddr::V6(six) => six.octets().to_vec(),
        };
        bytes.into()
    }
}

impl TryGetable for Address {
    fn try_get_by<I: ColIdx>(row: &QueryResult, column: I) -> Result<Self, TryGetError> {
        let bytes = Vec::<u8>::try_get_by(row, column)?;
        Self::of(&bytes).ok_or_else(|| DbErr::Type(format!("an address of {} bytes", bytes.len())).into())
    }
}

impl ValueType for Address {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        let bytes = <Vec<u8> as ValueType>::try_from(value)?;
        Self::of(&bytes).ok_or(ValueTypeErr)
    }

    fn type_name() -> String {
        "Address".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Bytes
    }

    fn column_type() -> ColumnType {
        ColumnType::Blob
    }
}

impl Nullable for Address {
    fn null() -> Value {
        Value::Bytes(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_bytes_and_other_bytes_are_none() {
        for (text, length) in [("10.0.0.1", 4), ("2001:db8::1", 16), ("::ffff:10.0.0.1", 16)] {
            let address = Address(text.parse().expect("an address"));
            let value = Value::from(address);
            assert!(matches!(&value, Value::Bytes(Some(bytes)) if bytes.len() == length), "{value:?}");
            assert_eq!(<Address as ValueType>::try_from(value).ok(), Some(address));
        }
        assert_eq!(Address::of(b"10.0.0.1"), None);
        assert!(<Address as ValueType>::try_from(Vec::<u8>::new().into()).is_err());
    }
}
