//! `phitak-sensor enrol`: a one-time code from the centre becomes this sensor's certificate.

use clap::Args;
use phitak_uplink::{client, keys::KeyFolder};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub struct Enrol {
    /// Where the centre takes sensors
    #[arg(long, value_name = "HOST:PORT")]
    centre: String,
    /// The code that the centre gave out (PHK-…); it works once
    #[arg(long, value_name = "CODE")]
    code: String,
    /// The folder that holds everything this sensor keeps
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

impl Enrol {
    pub fn run(self) -> ExitCode {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("error: the enrolment could not begin: {error}");
                return ExitCode::FAILURE;
            }
        };
        match runtime.block_on(client::enrol(&self.centre, &self.code, &KeyFolder::new(&self.data))) {
            Ok(keys) => {
                println!("enrolled as sensor {} of facility {}", keys.sensor, keys.sensor.facility());
                println!("next: phitak-sensor run --data {} …", self.data.display());
                ExitCode::SUCCESS
            }
            Err(failure) => {
                eprintln!("error: {failure}");
                ExitCode::FAILURE
            }
        }
    }
}
