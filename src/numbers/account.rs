//! Numbers of the account, looked up at Twilio.

use twilio::{Client, Number, NumberFilter};

use crate::db::configuration;

/// The account's number that is exactly this, if it has it.
pub(super) async fn by_number(twilio: &Client, number: &str) -> twilio::Result<Option<Number>> {
    let filter = NumberFilter { phone_number: Some(number.to_owned()), ..NumberFilter::default() };
    let mut pages = twilio.numbers(&filter)?;
    // Twilio lists all that hold these digits.
    while let Some(page) = pages.next_page().await? {
        if let Some(found) = page.into_iter().find(|found| found.phone_number == number) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What a number of ours is in the account now. Its sid alone is not believed: anybody may have written it.
pub(super) async fn of_row(twilio: &Client, row: &configuration::Number) -> twilio::Result<Option<Number>> {
    if let Some(sid) = row.provider_sid.as_deref().filter(|sid| is_sid(sid))
        && let Some(found) = twilio.number(sid).await?
        && found.phone_number == row.number
    {
        return Ok(Some(found));
    }
    by_number(twilio, &row.number).await
}

fn is_sid(text: &str) -> bool {
    text.strip_prefix("PN")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}
