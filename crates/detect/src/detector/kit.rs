//! A worker's reused memory, and how a section is run with it.

use crate::{
    compiled::Section,
    expression::ExpressionCaches,
    host_memory::Common,
    outcome::Detail,
    program::{
        Variables,
        run::{self, Found, Span, Tools},
    },
};

pub(super) struct Kit {
    pub caches: ExpressionCaches,
    pub common: Common,
    pub details: Vec<Detail>,
    decoded: Vec<u8>,
    /// Where protocols put buffers together.
    pub buffer: Vec<u8>,
    transformed: Vec<u8>,
    spare: Vec<u8>,
}

impl Kit {
    pub fn new(common: Common) -> Self {
        Self {
            caches: ExpressionCaches::default(),
            common,
            details: Vec::new(),
            decoded: Vec::new(),
            buffer: Vec::new(),
            transformed: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Runs a section's transforms and program.
    pub fn run(
        &mut self,
        section: &Section,
        span: Span<'_>,
        variables: &mut Variables,
        steps_max: u32,
    ) -> Option<Found> {
        if section.transforms.is_empty() {
            return run::run(&section.program, span, variables, &mut self.tools(steps_max));
        }
        self.with_transformed(&section.transforms, span.bytes, |kit, bytes| {
            let span = Span { offset: 0, fresh_from: 0, bytes };
            run::run(&section.program, span, variables, &mut kit.tools(steps_max))
        })
    }

    /// Gives transformed bytes to `then`.
    pub fn with_transformed<T>(
        &mut self,
        transforms: &crate::transform::Transforms,
        bytes: &[u8],
        then: impl FnOnce(&mut Self, &[u8]) -> T,
    ) -> T {
        let mut transformed = std::mem::take(&mut self.transformed);
        let mut spare = std::mem::take(&mut self.spare);
        transforms.run(bytes, &mut transformed, &mut spare, &mut self.caches);
        self.spare = spare;
        let result = then(self, &transformed);
        self.transformed = transformed;
        result
    }

    fn tools(&mut self, steps_max: u32) -> Tools<'_> {
        Tools {
            caches: &mut self.caches,
            common: &self.common,
            details: &mut self.details,
            decoded: &mut self.decoded,
            steps_max,
        }
    }
}
