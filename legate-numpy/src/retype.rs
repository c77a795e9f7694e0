//! Memory seen as elements of another size: `x.view("u1")`, `z.view(float)`, `getfield`.
//!
//! A field has one element size, so such a view has a base of its own, whose values follow those of the base it was made of (its *origin*). Before it is
//! read, it is made anew if the origin has been written since; after it is written, the origin is made anew at once. So both see each other's writes, and an array
//! that nobody views this way pays nothing. Bytes at hand are shared, not copied; fields are taken apart into lanes and put together
//! again by launches like any other, cut and fused as they are.

use crate::array::{Backing, Base, NdArray, Part};
use crate::error::Result;
use crate::issue::Body;
use crate::session::Session;
use crate::view::{View, c_strides};
use legate_core::exec::HostBuffer;
use legate_core::geometry::Point;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::ops::{BinaryOp, UnaryOp};
use legate_kernels::program::ValueId;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::{Arc, Weak};

/// What a base with elements of another size shows.
#[derive(Debug)]
pub(crate) struct Origin {
    base: Arc<Base>,
    /// The origin as it was when this base last agreed with it.
    seen: Mutex<Option<Seen>>,
}

/// By what writes to a base are told: they change it.
#[derive(Debug)]
struct Seen {
    fill: Option<Scalar>,
    /// Held, so that whoever writes to bytes writes to others.
    host: Option<Arc<HostBuffer>>,
    launches: u64,
}

impl Seen {
    fn of(backing: &Backing) -> Seen {
        Seen { fill: backing.fill, host: backing.host.clone(), launches: backing.launches }
    }

    fn agrees(&self, backing: &Backing) -> bool {
        let bytes = |fill: &Option<Scalar>| fill.map(|value| value.as_bytes().to_vec());
        let host = match (&self.host, &backing.host) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        host && self.launches == backing.launches && bytes(&self.fill) == bytes(&backing.fill)
    }
}

impl Origin {
    /// Whether nobody has written to it since [`Origin::note`].
    fn agrees(&self) -> bool {
        let backing = self.base.cell.lock();
        self.seen.lock().as_ref().is_some_and(|seen| seen.agrees(&backing))
    }

    fn note(&self) {
        let backing = self.base.cell.lock();
        *self.seen.lock() = Some(Seen::of(&backing));
    }
}

/// Bases that show a base in other sizes, as long as somebody has them.
pub(crate) type Retyped = Mutex<SmallVec<[Weak<Base>; 1]>>;

impl NdArray {
    /// Elements of `dtype` in the memory of this array: `offset` and `strides` in bytes, from the memory's start (see [`NdArray::offset_bytes`]). `None` if that leaves
    /// the memory or falls between elements.
    pub fn retyped(&self, dtype: DType, offset: i64, shape: &[i64], strides: &[i64]) -> Option<NdArray> {
        let root = self.base.root();
        let base = if root.dtype.size() == dtype.size() { Arc::clone(root) } else { in_size(root, dtype.size()) };
        let part = if base.dtype == dtype { Part::Whole } else { Part::Bits(dtype) };
        let whole = NdArray { view: View::whole(&base.shape), base, part, readonly: self.readonly };
        whole.restrided(offset, shape, strides)
    }

    /// Whether the two lie in one memory, be it as elements of different sizes.
    pub fn shares_memory_block(&self, other: &NdArray) -> bool {
        Arc::ptr_eq(self.base.root(), other.base.root())
    }
}

impl Base {
    /// The base whose memory it is.
    fn root(self: &Arc<Base>) -> &Arc<Base> {
        self.origin.as_ref().map_or(self, |origin| &origin.base)
    }
}

/// The memory of `root` as elements of `size` bytes: what somebody has already, or anew.
fn in_size(root: &Arc<Base>, size: usize) -> Arc<Base> {
    let mut known = root.retyped.get_or_init(Box::default).lock();
    known.retain(|base| base.strong_count() > 0);
    if let Some(base) = known.iter().filter_map(Weak::upgrade).find(|base| base.dtype.size() == size) {
        return base;
    }
    let origin = Origin { base: Arc::clone(root), seen: Mutex::new(None) };
    let base = Arc::new(Base {
        origin: Some(Box::new(origin)),
        ..Base::plain(&extents(&root.shape, root.dtype.size(), size), word(size))
    });
    known.push(Arc::downgrade(&base));
    base
}

/// Extents of memory that holds elements of `from` bytes, as elements of `to` bytes: along the last dimension if they fit there.
fn extents(shape: &[i64], from: usize, to: usize) -> Point {
    let (from, to) = (from as i64, to as i64);
    match shape.split_last() {
        Some((last, outer)) if last * from % to == 0 => outer.iter().copied().chain([last * from / to]).collect(),
        _ => Point::from_slice(&[shape.iter().product::<i64>() * from / to]),
    }
}

/// The type that elements of so many bytes are held as.
fn word(size: usize) -> DType {
    match size {
        1 => DType::U8,
        2 => DType::U16,
        4 => DType::U32,
        8 => DType::U64,
        _ => DType::C128,
    }
}

impl Session {
    /// Makes what follows another base agree with it. To be called before an array is read or written.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(crate) fn refresh(&self, a: &NdArray) -> Result<()> {
        let Some(origin) = &a.base.origin else { return Ok(()) };
        if origin.agrees() {
            return Ok(());
        }
        // Not locked meanwhile: values may have to be waited for, and then other threads run.
        self.follow(&origin.base, &a.base)?;
        origin.note();
        Ok(())
    }

    /// Makes the origin of what was just written agree with it.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`].
    pub(crate) fn write_back(&self, a: &NdArray) -> Result<()> {
        let Some(origin) = &a.base.origin else { return Ok(()) };
        self.follow(&a.base, &origin.base)?;
        origin.note();
        Ok(())
    }

    /// Gives `to` the values of `from`, the same memory.
    fn follow(&self, from: &Arc<Base>, to: &Arc<Base>) -> Result<()> {
        let few = from.nbytes() <= self.small_bytes();
        let bytes = {
            let mut backing = from.cell.lock();
            let at_hand = backing.host.is_some() || (few && backing.fill.is_some());
            at_hand.then(|| Arc::clone(from.materialized(&mut backing)))
        };
        match bytes {
            Some(bytes) => share(&bytes, to),
            None if from.dtype.size() > to.dtype.size() => self.take_apart(from, to)?,
            None => self.put_together(from, to)?,
        }
        Ok(())
    }

    /// Each element of `coarse` becomes several of `fine`.
    fn take_apart(&self, coarse: &Arc<Base>, fine: &Arc<Base>) -> Result<()> {
        ensure_written(fine);
        let lanes = Lanes::of(coarse, fine);
        for lane in 0..lanes.ratio {
            let mut body = Body::following(self, &lanes.domain);
            let bits = lanes.word_of(&mut body, lane);
            let shift = lanes.shift(lane);
            let bits =
                if shift == 0 { bits } else { shifted(&mut body, BinaryOp::RightShift, bits, shift, lanes.wide) };
            let value = body.program.cast(lanes.narrow, bits);
            body.store(&lanes.lane(lane), value);
            body.run()?;
        }
        Ok(())
    }

    /// Several elements of `fine` become each one of `coarse`.
    fn put_together(&self, fine: &Arc<Base>, coarse: &Arc<Base>) -> Result<()> {
        if coarse.size() * coarse.dtype.size() as i64 != fine.size() * fine.dtype.size() as i64 {
            ensure_written(coarse);
        }
        let lanes = Lanes::of(coarse, fine);
        let mut body = Body::following(self, &lanes.domain);
        let per_word = lanes.wide.size() / lanes.narrow.size();
        let words: SmallVec<[ValueId; 2]> = (0..lanes.ratio / per_word)
            .map(|word| {
                let parts: SmallVec<[ValueId; 8]> = (0..per_word)
                    .map(|k| {
                        let lane = word * per_word + k;
                        let part = body.load_as(&lanes.lane(lane), lanes.wide);
                        match lanes.shift(lane) {
                            0 => part,
                            shift => shifted(&mut body, BinaryOp::LeftShift, part, shift, lanes.wide),
                        }
                    })
                    .collect();
                parts
                    .into_iter()
                    .reduce(|a, b| body.program.binary(BinaryOp::BitwiseOr, a, b))
                    .expect("a word has a lane")
            })
            .collect();
        let value = match *words {
            [word] => word,
            _ => {
                let [real, imag] = [0, 1].map(|k| body.program.bitcast(DType::F64, words[k]));
                body.program.binary(BinaryOp::Complex, real, imag)
            }
        };
        body.store(&lanes.whole, value);
        body.run()
    }
}

/// Lets `to` have these bytes, as far as they go.
fn share(bytes: &Arc<HostBuffer>, to: &Arc<Base>) {
    let mut backing = to.cell.lock();
    let (given, wanted) = (bytes.as_slice().len(), to.nbytes() as usize);
    let host = if given == wanted {
        Arc::clone(bytes)
    } else {
        let mut own = match backing.is_known() {
            true => to.materialized(&mut backing).as_slice().to_vec(),
            false => vec![0; wanted],
        };
        let common = given.min(wanted);
        own[..common].copy_from_slice(&bytes.as_slice()[..common]);
        let mut buffer = HostBuffer::unwritten(wanted);
        buffer.as_mut_slice().copy_from_slice(&own);
        Arc::new(buffer)
    };
    (backing.fill, backing.host, backing.field) = (None, Some(host), None);
}

/// A base that is about to be written in parts has values.
fn ensure_written(base: &Base) {
    let mut backing = base.cell.lock();
    if !backing.is_known() && backing.field.is_none() {
        backing.fill = Some(Scalar::zero(base.dtype));
    }
}

fn shifted(body: &mut Body<'_>, op: BinaryOp, bits: ValueId, by: usize, word: DType) -> ValueId {
    let by = body.weak(crate::promote::Weak::Int(by as i128), word).expect("a shift is small");
    body.program.binary(op, bits, by)
}

/// How the elements of one base are made up of another's.
struct Lanes {
    /// All elements of the coarse base that the fine one holds; as a word, if there is a word of their size.
    whole: NdArray,
    fine: NdArray,
    domain: Point,
    /// Elements of the fine base in one of the coarse base.
    ratio: usize,
    /// The type of words that lanes are taken from by shifts, and the type of lanes.
    wide: DType,
    narrow: DType,
}

impl Lanes {
    fn of(coarse: &Arc<Base>, fine: &Arc<Base>) -> Lanes {
        let (size, narrow) = (coarse.dtype.size(), word(fine.dtype.size()));
        let ratio = size / fine.dtype.size();
        let aligned = extents(&coarse.shape, size, fine.dtype.size()) == fine.shape && !coarse.shape.is_empty();
        let domain = match aligned {
            true => coarse.shape.clone(),
            false => Point::from_slice(&[coarse.size().min(fine.size() / ratio as i64)]),
        };
        let array = |base: &Arc<Base>, dtype: DType| NdArray {
            base: Arc::clone(base),
            view: View { offset: 0, shape: domain.clone(), strides: c_strides(&domain) },
            part: if base.dtype == dtype { Part::Whole } else { Part::Bits(dtype) },
            readonly: false,
        };
        let whole = array(coarse, word(size));
        let fine = array(fine, narrow);
        let wide = if size == 16 { DType::U64 } else { word(size) };
        Lanes { whole, fine, domain, ratio, wide, narrow }
    }

    /// One lane of each element.
    fn lane(&self, lane: usize) -> NdArray {
        let mut view = self.fine.view.clone();
        view.offset = lane as i64;
        view.strides.iter_mut().for_each(|stride| *stride *= self.ratio as i64);
        self.fine.with_view(view)
    }

    /// The word that a lane is in.
    fn word_of(&self, body: &mut Body<'_>, lane: usize) -> ValueId {
        let value = body.load(&self.whole);
        if self.whole.dtype() != DType::C128 {
            return value;
        }
        let part = if lane * self.narrow.size() < 8 { UnaryOp::Real } else { UnaryOp::Imag };
        let part = body.program.unary(part, value);
        body.program.bitcast(DType::U64, part)
    }

    /// Where in its word a lane is, in bits.
    fn shift(&self, lane: usize) -> usize {
        8 * (lane * self.narrow.size() % self.wide.size())
    }
}
