//! The account itself, and whether the credentials are good.

use crate::fields::Fields;
use crate::hosts::Api;
use crate::request::{Form, Request};
use crate::{Client, Result};

/// An account, without the auth token that Twilio's answer holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// `AC…`.
    pub sid: String,
    /// Its name.
    pub friendly_name: Option<String>,
    /// `active`, `suspended` or `closed`.
    pub status: Option<String>,
    /// `Trial` or `Full`.
    pub kind: Option<String>,
    /// The account that it belongs to; itself, if to none.
    pub owner_account_sid: Option<String>,
}

impl Account {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            sid: fields.text("sid")?,
            friendly_name: fields.text("friendly_name"),
            status: fields.text("status"),
            kind: fields.text("type"),
            owner_account_sid: fields.text("owner_account_sid"),
        })
    }
}

impl Client {
    /// Whether the credentials are good: the account, or nothing where they are good and an API key that may not
    /// look at the account. An error that [`is_unauthorized`](crate::Error::is_unauthorized) says that they are not.
    pub async fn check_credentials(&self) -> Result<Option<Account>> {
        let request = Request::get("reading the account", Api::Core, self.of_account(".json"));
        let refused = match self.ask(&request, Account::read).await {
            Ok(account) => return Ok(Some(account)),
            Err(error) => error,
        };
        // Standard API keys may do everything but this, so they are asked for something else.
        if !self.is_api_key() || !(refused.is_unauthorized() || refused.is_gone()) {
            return Err(refused);
        }
        let path = Form::default().with("PageSize", 1).after(self.of_account("/IncomingPhoneNumbers.json"));
        self.send(&Request::get("checking the API key", Api::Core, path)).await?;
        Ok(None)
    }
}
