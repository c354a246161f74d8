//! A LiveKit to test against.
