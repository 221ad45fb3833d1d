//! The protocols as models whose every state is visited: messages are lost, arrive twice and late, handlers
//! die between two calls of the table, and time passes meanwhile.
//!
//! A model's item has what the code's conditional writes ask for; what the code decides from an item that it has
//! read is decided by the same functions where it has some for it: `already_spent` of a session; of a pairing, when
//! the next poll is taken; of a phone, which code works, which one is kept, and how long a request waits.

mod otp;
mod pairing;
mod refresh;
