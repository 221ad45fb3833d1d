//! What an instance writes: on Lambda, its log.

use std::fs::File;
use std::io::{self, Read};
use std::mem;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use tokio::net::unix::pipe;

use super::Function;

/// What an instance writes to standard output, or to standard error.
pub(super) struct Output {
    pipe: pipe::Receiver,
    /// The same pipe, for reading what is in it without asking the runtime whether it has seen it yet.
    file: File,
    /// The beginning of a line whose end has not been read yet.
    begun: Mutex<Vec<u8>>,
}

impl Output {
    pub(super) fn new(pipe: OwnedFd) -> io::Result<Self> {
        let file = File::from(pipe.try_clone()?);
        Ok(Self { pipe: pipe::Receiver::from_owned_fd(pipe)?, file, begun: Mutex::default() })
    }

    /// Logs what is written until the instance ends.
    pub(super) async fn follow(&self, function: &Function) {
        while self.pipe.readable().await.is_ok() {
            match self.pipe.try_io(|| self.log_written(function)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => break,
            }
        }
        let rest = mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        if !rest.is_empty() {
            (function.log)(&String::from_utf8_lossy(&rest));
        }
    }

    /// Logs the lines that have been written so far. An error of the kind `WouldBlock` as long as there can be more.
    pub(super) fn log_written(&self, function: &Function) -> io::Result<()> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let read = (&self.file).read_to_end(&mut begun);
        while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = begun.drain(..=end).collect();
            function.logged.fetch_add(line.len() as u64, Ordering::AcqRel);
            (function.log)(String::from_utf8_lossy(&line).trim_end());
        }
        read.map(|_| ())
    }
}
