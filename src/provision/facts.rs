//! How things stand at Twilio and LiveKit: what a plan is made from.

use std::collections::{BTreeMap, HashSet};

use livekit::sip::{DispatchRule, InboundTrunk};
use twilio::{Number, NumberFilter, OriginationUrl, RecordingMode, Trunk};

use super::desired::Desired;
use super::error::{Error, Result};
use super::record::{PartKind, Record};

/// Both sides.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) twilio: TwilioFacts,
    pub(crate) livekit: LiveKitFacts,
}

/// How things stand at Twilio.
#[derive(Clone, Debug, Default)]
pub(crate) struct TwilioFacts {
    /// The trunk that is meant, if there is one.
    pub(crate) trunk: Option<Trunk>,
    /// What it records.
    pub(crate) recording: Option<RecordingMode>,
    /// The sid of a trunk that was meant and is not there.
    pub(crate) missing: Option<String>,
    /// Where the trunk sends its calls.
    pub(crate) uris: Vec<OriginationUrl>,
    /// The account's numbers that are wanted, were taken or are on the trunk, in E.164.
    pub(crate) numbers: BTreeMap<String, Number>,
}

/// How things stand at LiveKit.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveKitFacts {
    /// All inbound trunks of the project.
    pub(crate) trunks: Vec<InboundTrunk>,
    /// All its dispatch rules.
    pub(crate) rules: Vec<DispatchRule>,
}

/// Asks both sides how things stand. `desired` is none where all is to be taken away.
pub(crate) async fn gather(
    (twilio, livekit): (&twilio::Client, &livekit::Client),
    desired: Option<&Desired>,
    record: &Record,
) -> Result<World> {
    Ok(World { livekit: of_livekit(livekit).await?, twilio: of_twilio(twilio, desired, record).await? })
}

async fn of_livekit(client: &livekit::Client) -> Result<LiveKitFacts> {
    let failed = Error::livekit("asking LiveKit for its trunks and rules");
    let trunks = client.list_sip_inbound_trunks().await.map_err(&failed)?;
    let rules = client.list_sip_dispatch_rules().await.map_err(&failed)?;
    Ok(LiveKitFacts { trunks, rules })
}

async fn of_twilio(
    client: &twilio::Client,
    desired: Option<&Desired>,
    record: &Record,
) -> Result<TwilioFacts> {
    let failed = Error::twilio("asking Twilio for its trunks and numbers");
    let mut facts = TwilioFacts::default();
    trunk(client, desired, record, &mut facts).await?;
    if let Some(trunk) = &facts.trunk {
        let said = trunk.recording.as_ref().and_then(|recording| recording.mode.clone());
        facts.recording = match said {
            Some(mode) => Some(mode),
            None => client.recording(&trunk.sid).await.map_err(&failed)?.and_then(|recording| recording.mode),
        };
        facts.uris = client.origination_urls(&trunk.sid).map_err(&failed)?.all().await.map_err(&failed)?;
    }
    numbers(client, desired, record, &mut facts).await?;
    Ok(facts)
}

/// The trunk that is meant: the one that was set up, else the one to adopt, else the one that the row names, else one
/// that we made and lost the answer of.
async fn trunk(
    client: &twilio::Client,
    desired: Option<&Desired>,
    record: &Record,
    facts: &mut TwilioFacts,
) -> Result<()> {
    let failed = Error::twilio("asking Twilio for the trunk");
    let noted = record.first(PartKind::TwilioTrunk).map(|part| part.id.as_str());
    let named =
        || desired.and_then(|desired| desired.adopt.twilio.as_deref().or(desired.named.twilio.as_deref()));
    if let Some(sid) = noted.or_else(named) {
        facts.trunk = client.trunk(sid).await.map_err(&failed)?;
        facts.missing = facts.trunk.is_none().then(|| sid.to_owned());
    }
    if facts.trunk.is_none() {
        let mut pages = client.trunks();
        while let Some(page) = pages.next_page().await.map_err(&failed)? {
            facts.trunk = page.into_iter().find(|trunk| record.marks(trunk.friendly_name.as_deref()));
            if facts.trunk.is_some() {
                break;
            }
        }
    }
    Ok(())
}

/// The account may have many more numbers than are kept here.
async fn numbers(
    client: &twilio::Client,
    desired: Option<&Desired>,
    record: &Record,
    facts: &mut TwilioFacts,
) -> Result<()> {
    let failed = Error::twilio("asking Twilio for its numbers");
    let wanted: HashSet<&str> =
        desired.iter().flat_map(|desired| &desired.numbers).map(|wanted| wanted.number.as_str()).collect();
    let taken: HashSet<&str> = record.of(PartKind::TwilioNumber).map(|part| part.id.as_str()).collect();
    let trunk = facts.trunk.as_ref().map(|trunk| trunk.sid.clone());
    if trunk.is_none() && wanted.is_empty() && taken.is_empty() {
        return Ok(());
    }
    let mut pages = client.numbers(&NumberFilter::default()).map_err(&failed)?;
    while let Some(page) = pages.next_page().await.map_err(&failed)? {
        let kept = page.into_iter().filter(|number| {
            wanted.contains(number.phone_number.as_str())
                || taken.contains(number.sid.as_str())
                || (trunk.is_some() && number.trunk_sid == trunk)
        });
        facts.numbers.extend(kept.map(|number| (number.phone_number.clone(), number)));
    }
    Ok(())
}
