//! Test programs as ranks that a launcher has started.

use legate_core::error::TaskFailure;
use legate_core::id::ShardId;
use legate_core::transport::remote::{Options, Plugin, Remote};
use legate_core::transport::{Deliver, Payload, Transport};
use std::path::PathBuf;
use std::sync::Arc;

/// Joins the other ranks, by the plug-in that `LEGATE_COMM_PLUGIN` names (and perhaps the library of `LEGATE_COMM_LIBRARY`).
pub fn join() -> Arc<Remote> {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    let plugin = path("LEGATE_COMM_PLUGIN").expect("the launcher's environment names the plug-in");
    let link = Plugin::join(&plugin, &path("LEGATE_COMM_LIBRARY").into_iter().collect::<Vec<_>>())
        .unwrap_or_else(|error| panic!("{error}"));
    // Long messages come in pieces, too.
    Arc::new(Remote::new(Box::new(link), Options { longest: Some(500), ..Options::default() }))
}

/// One of several runs over the same network: messages of one run are no other's.
pub struct Run {
    pub network: Arc<Remote>,
    pub number: u64,
}

impl Run {
    fn sequence(&self, sequence: u64) -> u64 {
        assert!(sequence % (1 << 56) < 1 << 40);
        sequence + (self.number << 40)
    }
}

impl Transport for Run {
    fn rank(&self) -> ShardId {
        self.network.rank()
    }
    fn shards(&self) -> u32 {
        self.network.shards()
    }
    fn send(&self, to: ShardId, sequence: u64, payload: Payload) {
        self.network.send(to, self.sequence(sequence), payload);
    }
    fn receive(&self, from: ShardId, sequence: u64, deliver: Deliver) {
        self.network.receive(from, self.sequence(sequence), deliver);
    }
    fn progress(&self) -> bool {
        self.network.progress()
    }
    fn announce(&self, failure: &TaskFailure) {
        self.network.announce(failure);
    }
    fn failure(&self) -> Option<TaskFailure> {
        self.network.failure()
    }
}
