//! The calls of LiveKit's SIP API that manage inbound trunks and dispatch rules.
//!
//! livekit-server serves them with redis alone; without it each one is an error of its own, see [`SipApi`].

use serde_json::{Value, json};

use super::record::Record as _;
use super::{DispatchRule, InboundTrunk};
use crate::client::gone_is_fine;
use crate::fields::Fields;
use crate::token::{Grants, SipGrants, Token};
use crate::types::list;
use crate::{Client, Error, Result};

/// What stands at LiveKit's URL in the place of its SIP API.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum SipApi {
    /// The SIP API.
    Present,
    /// A livekit-server without redis: it has nowhere to keep trunks and rules, and no livekit-sip can reach it.
    NoRedis,
    /// Something that has no SIP API.
    Absent,
    /// A LiveKit that does not accept the API key, its secret or the clock they are used by.
    Unauthorized,
}

impl Client {
    /// Whether there is a SIP API for us. Reads nothing of it.
    ///
    /// # Errors
    /// Whatever says neither yes nor no: LiveKit cannot be reached, is slow or broken.
    pub async fn sip_api(&self) -> Result<SipApi> {
        // No trunk has this id, so that the answer is short however many there are.
        let asked = self.sip("ListSIPInboundTrunk", json!({ "trunk_ids": ["ST_"] })).await;
        match asked {
            Ok(_) => Ok(SipApi::Present),
            Err(Error::Answered { status: 401 | 403, .. }) => Ok(SipApi::Unauthorized),
            Err(Error::Answered { status: 404, .. }) => Ok(SipApi::Absent),
            // livekit-server: "sip not connected (redis required)".
            Err(Error::Answered { code, message, .. })
                if code != "http" && message.contains("redis required") =>
            {
                Ok(SipApi::NoRedis)
            }
            Err(Error::Answered { code, .. }) if code == "unimplemented" => Ok(SipApi::Absent),
            Err(error) => Err(error),
        }
    }

    /// All inbound trunks, by id.
    pub async fn list_sip_inbound_trunks(&self) -> Result<Vec<InboundTrunk>> {
        let answer = self.sip("ListSIPInboundTrunk", json!({})).await?;
        Ok(list(&answer, "items", InboundTrunk::read))
    }

    /// Makes a trunk, whatever its id says; the answer has its id. Not idempotent: only numbers that another trunk
    /// has keep LiveKit from making a second one.
    pub async fn create_sip_inbound_trunk(&self, trunk: &InboundTrunk) -> Result<InboundTrunk> {
        let call = "CreateSIPInboundTrunk";
        let answer = self.sip(call, json!({ "trunk": trunk.without_id() })).await?;
        told(call, &answer, InboundTrunk::read, |made| &made.id)
    }

    /// Makes the trunk of that id what `trunk` is, all of it: one that was listed and changed keeps what this
    /// version does not know. LiveKit does not look whether another trunk has the numbers that are new to it, see
    /// [`refusal`](super::refusal).
    pub async fn replace_sip_inbound_trunk(&self, trunk: &InboundTrunk) -> Result<InboundTrunk> {
        let call = "UpdateSIPInboundTrunk";
        let answer = self.sip(call, replacing("sip_trunk_id", &trunk.id, trunk.to_json())).await?;
        told(call, &answer, InboundTrunk::read, |made| &made.id)
    }

    /// Deletes a trunk of either direction. One that is gone already is a success.
    pub async fn delete_sip_trunk(&self, id: &str) -> Result<()> {
        gone_is_fine(self.sip("DeleteSIPTrunk", json!({ "sip_trunk_id": id })).await)
    }

    /// All dispatch rules, by id.
    pub async fn list_sip_dispatch_rules(&self) -> Result<Vec<DispatchRule>> {
        let answer = self.sip("ListSIPDispatchRule", json!({})).await?;
        Ok(list(&answer, "items", DispatchRule::read))
    }

    /// Makes a rule, whatever its id says; the answer has its id. Not idempotent, but LiveKit refuses a second rule
    /// for the same trunk, caller, number and PIN.
    pub async fn create_sip_dispatch_rule(&self, rule: &DispatchRule) -> Result<DispatchRule> {
        let call = "CreateSIPDispatchRule";
        // The older form, without the wrapper, has no `numbers`.
        let answer = self.sip(call, json!({ "dispatch_rule": rule.without_id() })).await?;
        told(call, &answer, DispatchRule::read, |made| &made.id)
    }

    /// Makes the rule of that id what `rule` is, all of it: one that was listed and changed keeps what this version
    /// does not know. LiveKit does not look whether rules of trunks that are new to it have the same key, see
    /// [`refusal`](super::refusal).
    pub async fn replace_sip_dispatch_rule(&self, rule: &DispatchRule) -> Result<DispatchRule> {
        let call = "UpdateSIPDispatchRule";
        let answer = self.sip(call, replacing("sip_dispatch_rule_id", &rule.id, rule.to_json())).await?;
        told(call, &answer, DispatchRule::read, |made| &made.id)
    }

    /// Deletes a rule. One that is gone already is a success.
    pub async fn delete_sip_dispatch_rule(&self, id: &str) -> Result<()> {
        gone_is_fine(self.sip("DeleteSIPDispatchRule", json!({ "sip_dispatch_rule_id": id })).await)
    }

    async fn sip(&self, call: &'static str, body: Value) -> Result<Value> {
        let token = Token::new(Grants::default()).sip(SipGrants { admin: true, ..SipGrants::default() });
        self.post(("SIP", call), token, body, None).await
    }
}

/// `replace` and not `update`, which can set neither a rule's numbers nor a trunk's ringing timeout.
fn replacing(name: &str, id: &str, with: Value) -> Value {
    json!({ name: id, "replace": with })
}

fn told<T>(
    call: &'static str,
    answer: &Value,
    read: impl Fn(Fields<'_>) -> T,
    id: impl Fn(&T) -> &String,
) -> Result<T> {
    let made = Fields::of(answer).map(read).filter(|made| !id(made).is_empty());
    made.ok_or_else(|| Error::Unreadable { call, why: "the id is missing".to_owned() })
}
