//! The runtime as a front end sees it: it appends to the operation stream and waits for values.
//!
//! One shard ([`Ranks::Alone`], [`Ranks::Joined`]) is processed on the thread that flushes; only its tasks run elsewhere. Simulated ranks are threads that
//! each replay the whole stream, as the ranks of a real machine would.

mod ahead;
mod check;
mod config;
mod fetched;
mod joined;
mod led;
mod notes;
mod rounds;
mod shard;
mod sim;
mod stream;

pub use config::{ExecutorKind, LaunchRequest, Ranks, Replay, RuntimeConfig};
pub use fetched::Fetched;
pub use notes::Notes;

use crate::error::{Error, Provenance, Result};
use crate::exec::graph::Graph;
use crate::exec::{BufferPool, Crew, Executor, HostBuffer, Workers};
use crate::geometry::Rect;
use crate::id::{FieldId, ShardId};
use crate::mapping::{Ahead, MachineView, Mapper};
use crate::operation::{Attach, Direction, Fetch, Hands, Indirect, Launch, Operation, Privilege, Reshape};
use crate::profile::{Counters, Profiler, Stats, count};
use crate::store::{Access, Store};
use crate::transport::{Local, Traffic, Transport};
use fetched::FetchSlot;
use joined::Joined;
use led::Led;
use parking_lot::Mutex;
use shard::{Common, Shard, Window};
use sim::SimRanks;
use std::sync::Arc;
use stream::Stream;

/// A field that the front end holds. When the last clone is dropped the memory behind the field may be recycled; no operation of the stream
/// tells of it (garbage collection may differ between ranks).
#[derive(Clone)]
pub struct FieldHandle(Arc<FieldOwner>);

struct FieldOwner {
    id: FieldId,
    dropped: Arc<Mutex<Vec<FieldId>>>,
}

impl Drop for FieldOwner {
    fn drop(&mut self) {
        self.dropped.lock().push(self.id);
    }
}

impl FieldHandle {
    /// Its name.
    pub fn id(&self) -> FieldId {
        self.0.id
    }
}

impl std::fmt::Debug for FieldHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FieldHandle({})", self.id())
    }
}

/// The runtime of one process.
pub struct Runtime {
    common: Arc<Common>,
    counters: Arc<Counters>,
    pools: Vec<Arc<BufferPool>>,
    /// Locked before `engine` is used, so that windows are handed on in program order.
    stream: Mutex<Stream>,
    engine: Engine,
    /// The other processes that run the program.
    joined: Option<Joined>,
    led: Option<Led>,
    dropped: Arc<Mutex<Vec<FieldId>>>,
    hands: Arc<Crew>,
    // After the engine, which may have given them work to the last.
    _workers: Workers,
}

/// Who takes windows.
enum Engine {
    Local(Box<Mutex<Shard>>),
    Sim(SimRanks),
}

impl Runtime {
    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the configuration contradicts itself.
    pub fn new(config: RuntimeConfig) -> Result<Runtime> {
        let machine = config.machine()?;
        // The thread that calls computes too, but for simulated ranks, which have threads of their own that do not.
        let guests = usize::from(!matches!(config.ranks, Ranks::Simulated { .. }));
        let workers = Workers::start(Crew::new(machine.cores as usize, guests));
        let workers = workers.map_err(|error| Error::Invalid(error.to_string()))?;
        let RuntimeConfig { registry, mapper, ranks, executor, fuse, replay, notes, .. } = config;
        // Fields too large for a part of it are spread over all of it.
        let machine_bytes = machine.memory_bytes.saturating_mul(u64::from(machine.shards));
        let stream = Stream::new(machine_bytes, mapper.tunable("window"));
        let hands = match executor {
            ExecutorKind::Parallel => workers.crew().clone(),
            ExecutorKind::Serial | ExecutorKind::Absent => Arc::new(Crew::alone()),
        };
        let profiler = Arc::default();
        let replicated = matches!(ranks, Ranks::Joined(_));
        let acts = executor != ExecutorKind::Absent;
        let common = Arc::new(Common { registry, mapper, machine, profiler, fuse, replay, replicated, acts });
        let counters: Arc<Counters> = Arc::default();
        let in_process = if let Ranks::Simulated { ranks, .. } = ranks { ranks } else { 1 };
        let pools: Vec<_> = (0..in_process).map(|_| BufferPool::new(common.machine.memory_bytes)).collect();
        let shard = |pool: &Arc<BufferPool>, transport: Arc<dyn Transport>| {
            let me = transport.rank();
            let executor = Executor::new(me, executor, workers.crew(), &common.profiler);
            let graph = Graph::new(executor, transport, pool.clone(), counters.clone());
            Shard::new(me, common.clone(), graph)
        };
        let local = |transport| Engine::Local(Box::new(Mutex::new(shard(&pools[0], transport))));
        let engine = match ranks {
            Ranks::Alone => local(Arc::new(Local)),
            Ranks::Joined(ref transport) | Ranks::Led(ref transport) => local(transport.clone()),
            Ranks::Simulated { ranks, seed } => {
                Engine::Sim(SimRanks::start(ranks, seed, |rank, end| shard(&pools[rank as usize], end)))
            }
        };
        let (joined, led) = match ranks {
            Ranks::Joined(transport) => (Some(Joined::new(transport, notes)), None),
            Ranks::Led(transport) => {
                (Some(Joined::without_witness(transport.clone(), notes)), Some(Led::new(transport)))
            }
            Ranks::Alone | Ranks::Simulated { .. } => (None, None),
        };
        let (stream, dropped) = (Mutex::new(stream), Arc::default());
        Ok(Runtime { common, counters, pools, stream, engine, joined, led, dropped, hands, _workers: workers })
    }

    /// A new field with no values; its memory comes when something is written.
    pub fn create_field(&self, shape: &[i64], size: u32, align: u32) -> FieldHandle {
        let id = self.stream.lock().create(shape, size, align);
        FieldHandle(Arc::new(FieldOwner { id, dropped: self.dropped.clone() }))
    }

    /// Gives a whole field its values.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the number of bytes is not the field's.
    pub fn attach(&self, field: &FieldHandle, bytes: Arc<HostBuffer>, provenance: &Provenance) -> Result<()> {
        let mut stream = self.stream.lock();
        let create = stream.field(field.id()).expect("a field with a handle is known");
        let needed = create.bounds.volume() * u64::from(create.size);
        if bytes.len() as u64 != needed {
            return Err(Error::Invalid(format!("{} bytes for {needed} of {}", bytes.len(), field.id())));
        }
        let id = stream.number();
        stream.push(Operation::Attach(Attach { id, field: field.id(), bytes, provenance: provenance.clone() }));
        self.flush_if_full(&mut stream);
        Ok(())
    }

    /// Appends a launch. Returns before it runs.
    ///
    /// # Errors
    /// [`Error::Invalid`] if ranks, bounds or cuts contradict each other, if several points would write one element, or if a field
    /// is written through one access and touched through another that may overlap.
    pub fn launch(&self, request: LaunchRequest) -> Result<()> {
        let domain = Rect::from_shape(&request.shape);
        let mut stream = self.stream.lock();
        check::launch(&request, &domain, &self.common.registry, |field| stream.field(field))?;
        if domain.is_empty() {
            return self.launch_of_nothing(&mut stream, &request, &domain);
        }
        stream.run_ahead(&request, &domain, &self.common.registry);
        let LaunchRequest { task, args, operands, cuts, provenance, .. } = request;
        let id = stream.number();
        stream.push(Operation::Launch(Launch { id, task, args, domain, operands, cuts, provenance }));
        self.flush_if_full(&mut stream);
        Ok(())
    }

    /// No point, no task. But the fold of nothing has a value: the operator's identity.
    fn launch_of_nothing(&self, stream: &mut Stream, request: &LaunchRequest, domain: &Rect) -> Result<()> {
        for operand in &request.operands {
            let Privilege::Reduce(id) = operand.privilege else { continue };
            let create = stream.field(operand.field).expect("the launch was checked");
            let mut kept = domain.clone();
            (0..kept.rank()).filter(|d| !operand.access.uses(*d)).for_each(|d| kept.hi[d] = 1);
            if kept.is_empty() {
                continue;
            }
            let op = self.common.registry.reduction(id);
            let identity = op.identity().ok_or_else(|| Error::Invalid(format!("{} of nothing", op.name())))?;
            if !operand.access.covers(&kept, &create.bounds) {
                return Err(Error::Invalid(format!("{} of nothing into a part of {}", op.name(), operand.field)));
            }
            let bytes = Arc::new(HostBuffer::from_slice(&identity.repeat(create.bounds.volume() as usize)));
            let (id, provenance) = (stream.number(), request.provenance.clone());
            stream.push(Operation::Attach(Attach { id, field: operand.field, bytes, provenance }));
        }
        self.flush_if_full(stream);
        Ok(())
    }

    /// A field of another shape with `src`'s values in row-major order. No memory moves if `src` is dropped before the next flush and its pieces are whole rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the volumes differ.
    pub fn reshape(&self, src: &FieldHandle, shape: &[i64], provenance: &Provenance) -> Result<FieldHandle> {
        let mut stream = self.stream.lock();
        let create = stream.field(src.id()).expect("a field with a handle is known").clone();
        if create.bounds.volume() != Rect::from_shape(shape).volume() {
            return Err(Error::Invalid(format!("{:?} does not become {shape:?}", create.bounds)));
        }
        let dst = stream.create(shape, create.size, create.align);
        let id = stream.number();
        if !create.bounds.is_empty() {
            stream.push(Operation::Reshape(Reshape { id, src: src.id(), dst, provenance: provenance.clone() }));
        }
        self.flush_if_full(&mut stream);
        Ok(FieldHandle(Arc::new(FieldOwner { id: dst, dropped: self.dropped.clone() })))
    }

    /// `dst[p] = src[index[p]]`: rows of `src` along its first dimension. The index has one dimension and signed integers of eight bytes, in `-n..n` for
    /// `n` rows, negative ones counting from the end. Returns before it is done.
    ///
    /// Each shard asks for the rows that its part of `dst` wants: no shard needs all of `src`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a store leaves its field or the field is gone, shapes or element sizes contradict each other, several points of `dst` are one, or
    /// `dst` is a field that is read.
    pub fn gather(&self, dst: Store, src: Store, index: Store, provenance: &Provenance) -> Result<()> {
        self.indirect(Direction::Gather, src, index, dst, provenance)
    }

    /// `dst[index[p]] = src[p]`: as [`Runtime::gather`], the other way. Where several points name one row, the last of them wins.
    ///
    /// # Errors
    /// As [`Runtime::gather`].
    pub fn scatter(&self, dst: Store, src: Store, index: Store, provenance: &Provenance) -> Result<()> {
        self.indirect(Direction::Scatter, dst, index, src, provenance)
    }

    fn indirect(
        &self,
        direction: Direction,
        table: Store,
        index: Store,
        values: Store,
        provenance: &Provenance,
    ) -> Result<()> {
        let mut stream = self.stream.lock();
        let (id, provenance) = (stream.number(), provenance.clone());
        let copy = Indirect { id, direction, table, index, values, provenance };
        check::indirect(&copy, |field| stream.field(field))?;
        if !copy.values.shape.contains(&0) {
            stream.push(Operation::Indirect(copy));
        }
        self.flush_if_full(&mut stream);
        Ok(())
    }

    /// Asks for the values of a store; flushes the window.
    ///
    /// The buffer may be the very memory of the field: it stays as it is, and the runtime copies it before writing the field again.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the store leaves its field, or the field is gone.
    pub fn fetch(&self, src: &Store, provenance: &Provenance) -> Result<Fetched> {
        let mut stream = self.stream.lock();
        let create = stream.field(src.field).ok_or_else(|| Error::Invalid(format!("{} is not alive", src.field)))?;
        check::store(src, create)?;
        if src.shape.contains(&0) {
            return Ok(Fetched::ready(HostBuffer::zeroed(0)));
        }
        let points: i64 = src.shape.iter().product();
        count(&self.counters.fetched_bytes, points as u64 * u64::from(create.size));
        let slot: Arc<FetchSlot> = Arc::default();
        let id = stream.number();
        stream.push(Operation::Fetch(Fetch { id, src: src.clone(), provenance: provenance.clone() }));
        stream.push_slot(slot.clone());
        stream.lead.caught_up();
        self.flush_locked(&mut stream);
        let executor = match &self.engine {
            Engine::Local(shard) => Some(shard.lock().executor().clone()),
            Engine::Sim(_) => None,
        };
        Ok(Fetched::new(slot, executor, self.joined.as_ref().map(Joined::transport).cloned()))
    }

    /// This rank's own part of a field: rectangles, and their values to come. Each point is one rank's; what all ranks hold is the first one's. Nothing is sent. With one front end for all
    /// ranks (simulated ones, ranks that follow) all of the field is that front end's.
    ///
    /// The window is flushed: ranks that run the program side by side all have to call it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the field is gone.
    pub fn local(&self, field: &FieldHandle, provenance: &Provenance) -> Result<Vec<(Rect, Fetched)>> {
        let bounds = self.stream.lock().field(field.id()).map(|create| create.bounds.clone());
        let bounds = bounds.ok_or_else(|| Error::Invalid(format!("{} is not alive", field.id())))?;
        let (Engine::Local(shard), true) = (&self.engine, self.common.replicated) else {
            let whole = Store { field: field.id(), shape: bounds.shape(), access: Access::identity(bounds.rank()) };
            return Ok(vec![(bounds, self.fetch(&whole, provenance)?)]);
        };
        let mut stream = self.stream.lock();
        self.flush_locked(&mut stream);
        let mut shard = shard.lock();
        let (executor, transport) = (shard.executor().clone(), self.joined.as_ref().map(Joined::transport));
        let fetched = |slot| Fetched::new(slot, Some(executor.clone()), transport.cloned());
        Ok(shard.own_pieces(field.id(), provenance).into_iter().map(|(rect, slot)| (rect, fetched(slot))).collect())
    }

    /// Hands the window of pending operations to the next stages.
    pub fn flush(&self) {
        self.flush_locked(&mut self.stream.lock());
    }

    /// Waits until everything issued is done.
    ///
    /// # Errors
    /// [`Error::Interrupted`]; [`Error::Task`] if ranks have lost each other, or run different programs. Failures of tasks show where their results are read.
    pub fn fence(&self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let mut stream = self.stream.lock();
        let id = stream.number();
        stream.push(Operation::Fence(id));
        stream.lead.caught_up();
        self.flush_locked(&mut stream);
        match &self.engine {
            Engine::Local(shard) => {
                let executor = shard.lock().executor().clone();
                drop(stream);
                let idle = executor.wait_idle(interrupted);
                // The others come, for the stream says so: also to one who does not want to wait any more.
                let meeting = self.joined.as_ref().map(|joined| (joined, joined.come()));
                if !idle {
                    return Err(Error::Interrupted);
                }
                meeting.map_or(Ok(()), |(joined, meeting)| joined.meet(&meeting, interrupted))
            }
            Engine::Sim(ranks) => {
                let fence = ranks.fence();
                drop(stream);
                fence.wait(interrupted)
            }
        }
    }

    /// The life of a rank that follows ([`Ranks::Led`]): does what the leader tells, until the leader tells that it is over.
    ///
    /// # Errors
    /// [`Error::Task`] if a rank is lost, [`Error::Decode`] if the leader knows other tasks, [`Error::Interrupted`]; [`Error::Invalid`] if there is nobody to follow.
    pub fn follow(&self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let (Some(led), Some(joined), Engine::Local(shard)) = (&self.led, &self.joined, &self.engine) else {
            return Err(Error::Invalid("nobody leads".to_owned()));
        };
        if led.leads() {
            return Err(Error::Invalid("the rank that leads does not follow".to_owned()));
        }
        while let Some(window) = led.hear(&self.common.registry, interrupted)? {
            count(&self.counters.windows, 1);
            shard.lock().process(&window);
            if window.operations.iter().any(|operation| matches!(operation, Operation::Fence(_))) {
                let executor = shard.lock().executor().clone();
                if !executor.wait_idle(interrupted) {
                    return Err(Error::Interrupted);
                }
                joined.meet(&joined.come(), interrupted)?;
            }
        }
        Ok(())
    }

    /// Tells those who follow that it is over.
    pub fn dismiss(&self) {
        if let Some(led) = self.led.as_ref().filter(|led| led.leads()) {
            led.dismiss();
        }
    }

    /// The threads that compute, to help with what is done on the calling thread. Under the serial executor that thread is alone.
    pub fn hands(&self) -> &dyn Hands {
        &*self.hands
    }

    /// By how much the front end is ahead of its values.
    pub fn ahead(&self) -> Ahead {
        self.stream.lock().lead.ahead()
    }

    /// Whether what all ranks hold counts as this one's.
    pub fn is_first(&self) -> bool {
        self.joined.as_ref().is_none_or(|joined| joined.transport().rank() == ShardId(0))
    }

    /// The machine as the mapper sees it.
    pub fn machine(&self) -> &MachineView {
        &self.common.machine
    }

    /// The mapper.
    pub fn mapper(&self) -> &Arc<dyn Mapper> {
        &self.common.mapper
    }

    /// Collects spans of what happens, if told to.
    pub fn profiler(&self) -> &Profiler {
        &self.common.profiler
    }

    /// What has been done so far.
    pub fn stats(&self) -> Stats {
        let pools = self.pools.iter().map(|pool| pool.stats());
        let stats = Stats { operations: self.stream.lock().issued(), ..self.counters.stats() };
        pools.fold(stats, |sum, pool| Stats {
            live_bytes: sum.live_bytes + pool.live_bytes,
            peak_bytes: sum.peak_bytes + pool.peak_bytes,
            idle_bytes: sum.idle_bytes + pool.idle_bytes,
            fresh_blocks: sum.fresh_blocks + pool.fresh_blocks,
            ..sum
        })
    }

    /// What the ranks of this process have sent so far: the process's own, or all simulated ones; nothing if it is alone.
    pub fn traffic(&self) -> Vec<(ShardId, Traffic)> {
        match &self.engine {
            Engine::Sim(ranks) => ranks.traffic(),
            Engine::Local(_) => {
                let transport = self.joined.as_ref().map(Joined::transport);
                transport.map(|transport| (transport.rank(), transport.traffic())).into_iter().collect()
            }
        }
    }

    fn flush_if_full(&self, stream: &mut Stream) {
        if stream.is_full() {
            let mut dropped = self.dropped.lock();
            let window = stream.take_rounds(&mut dropped);
            drop(dropped);
            self.hand_on(window);
        }
    }

    fn flush_locked(&self, stream: &mut Stream) {
        let dead = std::mem::take(&mut *self.dropped.lock());
        let window = stream.take(dead);
        self.hand_on(window);
    }

    fn hand_on(&self, window: Option<Window>) {
        let Some(window) = window else { return };
        count(&self.counters.windows, 1);
        if let Some(joined) = &self.joined {
            let begun = self.common.profiler.begin();
            joined.saw(&window);
            self.common.profiler.end_stage(begun, joined.transport().rank(), "witness");
        }
        if let Some(led) = &self.led {
            led.tell(&window);
        }
        match &self.engine {
            Engine::Local(shard) => shard.lock().process(&window),
            Engine::Sim(ranks) => ranks.process(window),
        }
    }
}

impl Drop for Runtime {
    /// Ends everything that is on its way, so that no task outlives the runtime.
    fn drop(&mut self) {
        if let Engine::Local(shard) = &mut self.engine {
            shard.get_mut().executor().wait_idle(&|| false);
        }
    }
}
