//! A small LiveKit client.
