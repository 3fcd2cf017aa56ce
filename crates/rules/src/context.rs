//! What rules refer to outside themselves: variables, classes, references, and what protocols declare.

use crate::{
    class::{Classes, References},
    variables::Variables,
};
use phitak_model::inspect::ProtocolDecl;

#[derive(Clone, Debug, Default)]
pub struct Context {
    pub variables: Variables,
    pub classes: Classes,
    pub references: References,
    /// Protocols, buffers and fields beyond Suricata's that keywords may name.
    pub(crate) protocols: Vec<String>,
    pub(crate) buffers: Vec<String>,
    pub(crate) fields: Vec<String>,
}

impl Context {
    /// Makes the names that protocols declare usable as keywords.
    pub fn declare(&mut self, protocols: &[&ProtocolDecl]) {
        for protocol in protocols {
            self.protocols.push(protocol.name.to_owned());
            self.buffers.extend(protocol.buffers.iter().map(|b| b.name.to_owned()));
            self.fields.extend(protocol.fields.iter().map(|f| f.name.to_owned()));
        }
    }
}
