//! A session: a runtime, the tasks this library has registered with it, and the front end's way to say where it is.

use crate::array::{Backing, NdArray, Part};
use crate::error::{Error, Result};
use crate::exceptions::{ExceptionsSource, Incidents};
use crate::issue::cuts;
use crate::mapper::NumpyMapper;
use crate::random::RandomStates;
use crate::tasks::{FailArgs, ProgramCache, Tasks};
use legate_core::Provenance;
use legate_core::exec::HostBuffer;
use legate_core::geometry::{Point, Rect};
use legate_core::mapping::Mapper;
use legate_core::operation::{Operand, Privilege, Registry};
use legate_core::profile::{AtOnce, Record};
use legate_core::runtime::{ExecutorKind, Fetched, LaunchRequest, Notes, Ranks, Replay, Runtime, RuntimeConfig};
use legate_core::store::{Access, Store};
use legate_kernels::dtype::{B8, Scalar};
use parking_lot::{Mutex, RwLock};
use smallvec::SmallVec;
use std::sync::Arc;

/// How a session is put together. See [`legate_core::runtime::RuntimeConfig`] for the fields of the same names.
pub struct SessionConfig {
    /// Who decides; wrapped in [`crate::mapper::NumpyMapper`].
    pub mapper: Arc<dyn Mapper>,
    /// Cores of this process that tasks may use.
    pub cores: u32,
    /// Bytes of memory that this process may use.
    pub memory_bytes: u64,
    /// Bytes of last-level cache.
    pub cache_bytes: u64,
    /// Who the shards are.
    pub ranks: Ranks,
    /// Which executor.
    pub executor: ExecutorKind,
    /// Join launches where legal.
    pub fuse: bool,
    /// Whether windows that come again are recognised.
    pub replay: Replay,
}

/// Asked for the user's line when an operation is really issued (not for what is computed at once), on the calling thread.
pub type ProvenanceSource = Arc<dyn Fn() -> Provenance + Send + Sync>;

/// Lets a call that has turned out to need values wait for them: calls what it is given, once, with something to ask whether the wait should be given up. It may
/// let other threads run meanwhile.
pub type Waiter = Arc<dyn Fn(&mut Wait<'_>) + Send + Sync>;

/// A wait. It is told whom to ask now and then whether to give up.
pub type Wait<'a> = dyn FnMut(&dyn Fn() -> bool) + Send + 'a;

/// Bytes up to which a base's values are kept at hand beside its field, unless the mapper's tunable `numpy.small_bytes` says otherwise.
const SMALL_BYTES: u64 = 64 << 10;

/// Bytes from which the variance of an array is computed in one read of it. Below, the second read comes from a cache, and costs less than joining lines does.
const MOMENTS_BYTES: u64 = 16 << 20;

/// Issues operations on arrays. All arrays that meet in one operation belong to one session.
pub struct Session {
    engine: Option<Engine>,
    mapper: NumpyMapper,
    programs: Arc<ProgramCache>,
    provenance: RwLock<Option<ProvenanceSource>>,
    waiter: RwLock<Option<Waiter>>,
    small_bytes: u64,
    moments_bytes: u64,
    pub(crate) random: Mutex<RandomStates>,
    pub(crate) exceptions_source: RwLock<Option<ExceptionsSource>>,
    pub(crate) incidents: Arc<Incidents>,
}

/// A piece of an array that is a rank's own: see [`Session::local`].
#[derive(Clone, Debug)]
pub struct LocalPiece {
    /// The index of its first element.
    pub start: Point,
    /// Its extents.
    pub shape: Point,
    /// Its elements, row-major.
    pub values: Arc<HostBuffer>,
}

/// A runtime that knows this library's tasks.
struct Engine {
    runtime: Arc<Runtime>,
    tasks: Tasks,
}

impl Session {
    /// Starts a runtime with this library's tasks.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(config: SessionConfig) -> Result<Session> {
        let mut registry = Registry::new();
        let programs = Arc::new(ProgramCache::new(config.cache_bytes));
        let are_shared = matches!(config.ranks, Ranks::Joined(_) | Ranks::Led(_));
        let incidents = Arc::new(Incidents::new(are_shared));
        let tasks = Tasks::register(&mut registry, &programs, &incidents);
        let mapper = NumpyMapper::new(config.mapper);
        let runtime = Runtime::new(RuntimeConfig {
            registry,
            mapper: Arc::new(mapper.clone()),
            cores: config.cores,
            memory_bytes: config.memory_bytes,
            cache_bytes: config.cache_bytes,
            ranks: config.ranks,
            executor: config.executor,
            fuse: config.fuse,
            replay: config.replay,
            notes: are_shared.then(|| Arc::clone(&incidents) as Arc<dyn Notes>),
        });
        let runtime = Arc::new(runtime.map_err(|e| Error::Value(e.to_string()))?);
        Ok(Session { incidents, ..Session::with(mapper, programs, Some(Engine { runtime, tasks })) })
    }

    /// A session without a runtime: everything is computed at once, on the calling thread, and in the general way. The slow twin of tests.
    pub fn eager() -> Session {
        let programs = Arc::new(ProgramCache::new(u64::MAX));
        Session::with(NumpyMapper::new(Arc::new(legate_mapper::DefaultMapper::new())), programs, None)
    }

    fn with(mapper: NumpyMapper, programs: Arc<ProgramCache>, engine: Option<Engine>) -> Session {
        let small_bytes = mapper.tunable("numpy.small_bytes").map_or(SMALL_BYTES, |bytes| bytes.max(0) as u64);
        Session {
            engine,
            mapper,
            programs,
            provenance: RwLock::new(None),
            waiter: RwLock::new(None),
            small_bytes,
            moments_bytes: MOMENTS_BYTES,
            random: Mutex::default(),
            exceptions_source: RwLock::new(None),
            incidents: Arc::default(),
        }
    }

    /// Computes the variance of arrays of at least so many bytes in one read. It rounds otherwise than two do, so sessions that are to agree bit for bit must agree
    /// in this; programs have no reason to call it.
    #[must_use]
    pub fn reading_once_from(self, bytes: u64) -> Session {
        Session { moments_bytes: bytes, ..self }
    }

    /// Bytes from which the variance of an array is computed in one read.
    pub(crate) fn moments_bytes(&self) -> u64 {
        self.moments_bytes
    }

    /// Sets who is asked for the user's line.
    pub fn set_provenance_source(&self, source: ProvenanceSource) {
        *self.provenance.write() = Some(source);
    }

    /// Sets who lets calls wait that were not expected to (see [`crate::inline`]); without it they wait where they are, and nobody can end that.
    pub fn set_waiter(&self, waiter: Waiter) {
        *self.waiter.write() = Some(waiter);
    }

    /// What `wait` gives, which is told whom to ask whether to give up.
    pub(crate) fn waiting<T: Send>(&self, wait: impl FnOnce(&dyn Fn() -> bool) -> T + Send) -> T {
        let Some(waiter) = self.waiter.read().clone() else { return wait(&|| false) };
        let (mut wait, mut result) = (Some(wait), None);
        waiter(&mut |interrupted| result = wait.take().map(|wait| wait(interrupted)));
        result.expect("a waiter calls what it is given")
    }

    /// The runtime beneath; `None` for an eager session.
    pub fn runtime(&self) -> Option<&Arc<Runtime>> {
        self.engine.as_ref().map(|engine| &engine.runtime)
    }

    /// What the registry calls this library's tasks.
    pub(crate) fn tasks(&self) -> &Tasks {
        &self.engine.as_ref().expect("only a session with a runtime launches").tasks
    }

    /// Programs made ready to run.
    pub(crate) fn programs(&self) -> &Arc<ProgramCache> {
        &self.programs
    }

    /// This library's policy.
    pub(crate) fn mapper(&self) -> &NumpyMapper {
        &self.mapper
    }

    /// The user's line.
    pub(crate) fn provenance(&self) -> Provenance {
        let source = self.provenance.read().clone();
        source.map_or_else(Provenance::default, |ask| ask())
    }

    /// Bytes up to which a base's values are kept at hand beside its field.
    pub(crate) fn small_bytes(&self) -> u64 {
        self.small_bytes
    }

    /// Notes for a report that something was computed where it was called; `name` is asked only if somebody collects.
    pub(crate) fn note_at_once(&self, points: u64, name: impl FnOnce() -> String) {
        if let Some(runtime) = self.runtime() {
            let call = || AtOnce { name: name(), provenance: self.provenance(), points };
            runtime.profiler().record(|| Record::AtOnce(call()));
        }
    }

    /// Hands pending operations to the runtime's next stages.
    pub fn flush(&self) {
        if let Some(runtime) = self.runtime() {
            runtime.flush();
        }
    }

    /// Waits until everything issued is done.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `interrupted` says so.
    pub fn fence(&self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        self.runtime().map_or(Ok(()), |runtime| Ok(runtime.fence(interrupted)?))
    }
}

/// Reading.
impl Session {
    /// The values, row-major. Waits for them; `interrupted` is asked meanwhile whether to give up the wait.
    ///
    /// # Errors
    /// [`Error::Task`] if they could not be computed, [`Error::Interrupted`].
    pub fn to_host(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Arc<HostBuffer>> {
        if a.size() == 0 {
            return Ok(Arc::new(HostBuffer::zeroed(0)));
        }
        self.refresh(a)?;
        if !a.is_ready() && a.base.nbytes() <= self.small_bytes {
            self.fetch_base(a, interrupted)?;
        }
        if a.is_ready() {
            a.base.check_memory()?;
            return if a.is_whole_base() { Ok(a.host()) } else { Ok(self.copy_at_hand(a)?.host()) };
        }
        match a.part {
            Part::Whole | Part::Bits(_) => self.fetch(a, interrupted),
            // Parts of elements are taken apart first.
            Part::Real | Part::Imag => self.to_host(&self.copy(a)?, interrupted),
        }
    }

    /// Makes the values of a small base known. That is a function of the program: it asked for them.
    pub(crate) fn fetch_base(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let bytes = self.fetch_whole(a, interrupted)?;
        a.base.cell.lock().host = Some(bytes);
        Ok(())
    }

    /// The values of a base.
    pub(crate) fn fetch_whole(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Arc<HostBuffer>> {
        let whole =
            NdArray { base: Arc::clone(&a.base), ..NdArray::new(&a.base.shape, a.base.dtype, Backing::default()) };
        self.fetch(&whole, interrupted)
    }

    fn fetch(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Arc<HostBuffer>> {
        let runtime = self.runtime().expect("without a runtime all values are at hand");
        self.ensure_affine(a, false, runtime);
        let (field, access) = a.access();
        let store = Store { field: field.handle.id(), shape: a.view.shape.clone(), access };
        Ok(runtime.fetch(&store, &self.provenance())?.wait(interrupted)?)
    }

    /// This rank's own part: where each piece begins, its shape, and its values. Each element is one rank's; what all ranks hold (small arrays, results of reductions) is the first one's.
    /// Ranks that run the program side by side all have to call it.
    ///
    /// # Errors
    /// As [`Session::to_host`].
    pub fn local(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Vec<LocalPiece>> {
        self.refresh(a)?;
        let runtime = self.runtime().filter(|_| !a.is_ready() && a.size() > 0);
        let Some(runtime) = runtime else {
            let is_first = self.runtime().is_none_or(|runtime| runtime.is_first());
            let start = SmallVec::from_elem(0, a.shape().len());
            if !is_first {
                return Ok(Vec::new());
            }
            return Ok(vec![LocalPiece { start, shape: a.shape().into(), values: self.to_host(a, interrupted)? }]);
        };
        // A view's elements are where its base's are; a copy of its own shape has pieces of its own.
        let own_memory = a.base.origin.is_none() && a.part == Part::Whole;
        let is_plain = own_memory && a.is_whole_base() && *a.shape() == *a.base.shape;
        let mut own = if is_plain { a.clone() } else { self.copy(a)? };
        self.ensure_field(&own, runtime, false);
        if own.access().0.linear {
            own = self.copy(a)?;
            self.ensure_field(&own, runtime, false);
        }
        let (field, _) = own.access();
        let pieces = runtime.local(&field.handle, &self.provenance())?;
        let wait = |(rect, values): (Rect, Fetched)| {
            Ok(LocalPiece { start: rect.lo.clone(), shape: rect.shape(), values: values.wait(interrupted)? })
        };
        pieces.into_iter().map(wait).collect()
    }

    /// The value of an array of one element.
    ///
    /// # Errors
    /// [`Error::NotScalar`]; as [`Session::to_host`].
    pub fn item(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Scalar> {
        if a.size() != 1 {
            return Err(Error::NotScalar);
        }
        if let Some(value) = a.known_constant() {
            return Ok(value);
        }
        Ok(Scalar::from_bytes(a.dtype(), self.to_host(a, interrupted)?.as_slice()))
    }

    /// NumPy's `bool(a)`.
    ///
    /// # Errors
    /// [`Error::AmbiguousTruth`], [`Error::EmptyTruth`]; as [`Session::to_host`].
    pub fn truth(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<bool> {
        match a.size() {
            0 => Err(Error::EmptyTruth),
            1 => Ok(is_truthy(self.item(a, interrupted)?)),
            _ => Err(Error::AmbiguousTruth),
        }
    }

    /// Test hook: an array of this shape whose task panics with `message`.
    ///
    /// # Errors
    /// None at the call; reading the array gives [`Error::Task`]. [`Error::Unsupported`] in an eager session.
    pub fn failing(&self, shape: &[i64], message: &str) -> Result<NdArray> {
        let Some(runtime) = self.runtime() else {
            return Err(Error::Unsupported("a failing task in an eager session".into()));
        };
        let a = NdArray::unwritten(shape, legate_kernels::dtype::DType::F64);
        self.ensure_field(&a, runtime, true);
        let (field, access): (_, Access) = a.access();
        let operand = Operand { field: field.handle.id(), access, privilege: Privilege::WriteDiscard };
        runtime.launch(LaunchRequest {
            task: self.tasks().fail,
            args: Arc::new(FailArgs(message.to_owned())),
            shape: shape.into(),
            operands: SmallVec::from_iter([operand]),
            cuts: cuts(shape, 0),
            provenance: self.provenance(),
        })?;
        Ok(a)
    }
}

/// Python's `bool` of an element: not zero.
fn is_truthy(value: Scalar) -> bool {
    let zero = Scalar::zero(value.dtype());
    match legate_kernels::ops::binary(legate_kernels::ops::BinaryOp::NotEqual, value, zero) {
        Some(differs) => differs == Scalar::new(B8(1)),
        None => value != zero,
    }
}
