//! What is fuzzed, one file each. Protocols come from their registry, so that a new one is covered by standing there.

mod assets;
mod capture;
mod engine;
mod feed;
mod protocol;
mod rules;
mod suricata;
mod syslog;
mod wire;

use crate::random::Random;

/// Something that takes hostile input; it draws the input itself.
pub struct Target {
    pub name: String,
    pub run: Box<dyn Fn(&mut Random)>,
}

impl Target {
    fn new(name: impl Into<String>, run: impl Fn(&mut Random) + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

pub fn all() -> Vec<Target> {
    let mut all = vec![
        Target::new("capture", capture::file),
        Target::new("decode", capture::frames),
        engine::target(),
        Target::new("eve", suricata::run),
        Target::new("feed", feed::run),
        Target::new("rules", rules::run),
        Target::new("rules.compiled", rules::compiled),
        Target::new("rules.packed", rules::packed),
        Target::new("syslog", syslog::run),
        Target::new("wire", wire::run),
        Target::new("assets", assets::run),
    ];
    all.extend(phitak_protocols::registry::REGISTRY.iter().map(|entry| protocol::target(entry)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_takes_a_few_hundred_inputs() {
        for target in all() {
            for number in 0..300 {
                (target.run)(&mut Random::new(7, &target.name, number));
            }
        }
    }
}
