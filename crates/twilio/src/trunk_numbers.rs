//! The numbers whose calls a trunk takes.

use crate::hosts::Api;
use crate::request::{Form, Request, sid};
use crate::trunks::path;
use crate::{Client, Number, Pages, Result};

impl Client {
    /// The numbers of a trunk (`TK…`). Twilio does not say here of what type they are.
    pub fn trunk_numbers(&self, trunk_sid: &str) -> Result<Pages<Number>> {
        const CALL: &str = "listing a trunk's numbers";
        let path = self.paged().after(path(CALL, trunk_sid, "/PhoneNumbers")?);
        Ok(Pages::new(self, Request::get(CALL, Api::Trunking, path), "phone_numbers", Number::read))
    }

    /// Has a trunk take the calls of a number (`PN…`) of the account. Takes the number from the trunk it was on, and
    /// its voice application away. The end is the same however often it is asked; what Twilio answers to a number that
    /// is on that trunk already is not documented, so look at `trunk_sid` after a refusal.
    pub async fn attach_number(&self, trunk_sid: &str, number_sid: &str) -> Result<Number> {
        const CALL: &str = "attaching a number to a trunk";
        let form = Form::default().with("PhoneNumberSid", sid(CALL, "PN", number_sid)?);
        let path = path(CALL, trunk_sid, "/PhoneNumbers")?;
        self.ask(&Request::update(CALL, Api::Trunking, path, form), Number::read).await
    }

    /// Has a trunk no longer take the calls of a number, which stays the account's. False if it did not anyway.
    pub async fn detach_number(&self, trunk_sid: &str, number_sid: &str) -> Result<bool> {
        const CALL: &str = "detaching a number from a trunk";
        let rest = format!("/PhoneNumbers/{}", sid(CALL, "PN", number_sid)?);
        self.delete(&Request::delete(CALL, Api::Trunking, path(CALL, trunk_sid, &rest)?)).await
    }
}
