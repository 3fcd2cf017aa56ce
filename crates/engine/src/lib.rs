//! One worker of the sensor: frames in; records, alerts and observations out, on packet time.

pub mod sink;

pub use sink::Sink;
