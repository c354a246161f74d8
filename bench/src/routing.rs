//! Prints a large routing file, to time `switchboard apply` with.

use std::fmt::Write as _;
use std::io::Write as _;

/// Prints a routing file of this many tenants, each with 10 campaigns and 1,000 numbers.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tenants.
    #[arg(long, default_value_t = 100)]
    tenants: u32,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut text = String::new();
    for tenant in 0..args.tenants {
        writeln!(text, "[[tenant]]\nname = \"Tenant {tenant}\"\nregion = \"US\"")?;
        writeln!(text, "[[tenant.agent]]\nname = \"reception\"")?;
        for campaign in 0..10 {
            writeln!(text, "[[tenant.campaign]]\nname = \"Campaign {campaign}\"\nagent = \"reception\"")?;
        }
        for number in 0..1000 {
            let (digits, campaign) = (tenant * 1000 + number, number % 10);
            writeln!(text, "[[tenant.number]]\nnumber = \"+1415{digits:07}\"\ncampaign = \"Campaign {campaign}\"")?;
        }
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
