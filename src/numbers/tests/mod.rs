//! What becomes of numbers, as tables.
