//! What is wrong with a set-up, in words that tell what it means to a caller and what to do.

pub mod campaigns;
pub mod flow;
pub mod probe;
#[cfg(test)]
mod tests;
