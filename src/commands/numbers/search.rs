//! `numbers search`: what can be bought.

use comfy_table::{Cell, Color};
use serde_json::json;

use crate::numbers::{self, Offer, Search};
use crate::tenancy::NumberKind;

use super::super::screen::{self, Screen};
use super::super::{Context, Ended, words};
use super::{can, kind, kinds};

const EXAMPLES: &str = "\
Only numbers that can take calls are listed. They are kept for nobody; `switchboard numbers buy` buys one.

Examples:
  switchboard numbers search --country US --area-code 415
  switchboard numbers search --country GB --type mobile --contains '*7777'
  switchboard numbers search --country US --type toll-free --contains DENTIST";

/// What `numbers search` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The country, as two letters (ISO 3166)
    #[arg(long, value_parser = country)]
    country: String,
    /// Only numbers of this area code (US and Canada)
    #[arg(long, value_name = "DIGITS")]
    area_code: Option<String>,
    /// Only numbers that contain this: digits or letters, with * for any digit
    #[arg(long, value_name = "PATTERN")]
    contains: Option<String>,
    /// Only numbers of this type
    #[arg(long, value_parser = kinds())]
    r#type: Option<NumberKind>,
    /// List at most this many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// Two letters of ISO 3166-1.
pub(super) fn country(text: &str) -> Result<String, &'static str> {
    let is_code = text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_alphabetic());
    is_code.then(|| text.to_ascii_uppercase()).ok_or("a country is two letters, such as US")
}

pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Ended> {
    let config = context.config()?;
    let search = Search {
        country: args.country.clone(),
        kind: args.r#type,
        area_code: args.area_code.clone(),
        contains: args.contains.clone(),
        limit: args.limit,
    };
    let offers = numbers::search(&super::twilio(&config)?, &search).await?;
    if offers.is_empty() && !context.json {
        screen::remark(format_args!("Twilio sells no such numbers in {} now", args.country));
        return Ok(Ended::WithNothing);
    }
    context.print(&json!({ "numbers": offers }), |screen| table(&offers, screen))?;
    Ok(Ended::by(!offers.is_empty()))
}

fn table(offers: &[Offer], screen: &Screen) -> String {
    let mut table = screen.table(["NUMBER", "TYPE", "PLACE", "CAN", "ADDRESS"]);
    for offer in offers {
        let place: Vec<&str> =
            [&offer.locality, &offer.region].into_iter().flatten().map(String::as_str).collect();
        let address = offer.needs_address().map_or_else(
            || Cell::new("none needed"),
            |sort| screen::cell(&format!("needs one: {sort}")).fg(Color::Yellow),
        );
        table.add_row([
            screen::cell(&words::number(&offer.number)),
            Cell::new(kind(offer.r#type)),
            screen::cell(if place.is_empty() { "-".to_owned() } else { place.join(", ") }.as_str()),
            Cell::new(can(&offer.capabilities)),
            address,
        ]);
    }
    screen::keep_whole(&mut table, 1);
    screen::lines_of(&table)
}
