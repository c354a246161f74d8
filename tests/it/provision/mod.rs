//! Trunks set up across a pretend Twilio and a real livekit-server: from nothing, again, after edits by hand, and cut off
//! at every single request.

mod adopted;
mod commands;
mod cut_off;
mod edited;
mod watched;
mod whole;
mod world;
