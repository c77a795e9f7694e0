//! Programs of the fuzzer: steps as data, and the machine that executes them twice.

use legate_numpy::{
    BoundsMode, CallOptions, Casting, DType, Error, IndexItem, KeyEntry, Kind, NdArray, Operand, ReduceOptions,
    Reduction, ScanOp, Session, Ufunc, Weak,
};
use proptest::prelude::*;

/// One step. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub enum Step {
    /// A new array: what fills it, its shape, its type.
    Create(u8, u8, u8),
    /// A ufunc of one input.
    Unary(u8, usize),
    /// A ufunc of two arrays that broadcast.
    Binary(u8, usize, usize),
    /// A ufunc of an array and a Python scalar.
    Scalar(u8, usize, i8),
    /// A ufunc into an array that is there already; the flag asks for a mask.
    InPlace(u8, usize, usize, bool),
    /// A view of an array.
    View(u8, usize, i8, i8),
    /// `a[...] = b`
    Assign(usize, usize),
    /// `a[inside] = sums of shifted views of a`, perhaps backward: what is written was read before. The number says which.
    Stencil(usize, u16),
    /// Folds along rows, what is made of them, folds along columns or products with the same matrix. The number says which.
    Rows(usize, u16),
    /// `a[slice] = scalar`
    Poke(usize, i8, i8),
    /// A reduction: which, of what, along which axes (bits), keepdims.
    Reduce(u8, usize, u8, bool),
    /// `where(a > 0, b, c)`
    Select(usize, usize, usize),
    /// `dot(a, b)`
    Dot(usize, usize),
    /// `concatenate([a, b], axis)`
    Concatenate(usize, usize, u8),
    /// `cumsum(a, axis)` or `cumprod(a, axis)`
    Scan(bool, usize, u8),
    /// `sort(a, axis)`, or with a flag `argsort(a, axis)`
    Sort(bool, usize, u8),
    /// `a[a > 0]`, or with a flag `a[a > 0] = values of another`.
    Mask(usize, usize, bool),
    /// `take(a, b modulo the length, axis)`
    Take(usize, usize, u8),
    /// `a[b modulo the length] = c`
    Scatter(usize, usize, usize),
    /// `a[:, index, …]` read, written, or added to. The number says which, and what else is in the key.
    Chosen(usize, usize, u8),
    /// Another type.
    Cast(u8, usize),
    /// The values are looked at.
    Fetch(usize),
    /// Forgotten.
    Drop(usize),
    /// The window is handed on.
    Flush,
}

/// A program.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let array = || 0usize..64;
    let step = prop_oneof![
        6 => (any::<u8>(), any::<u8>(), any::<u8>()).prop_map(|(a, b, c)| Step::Create(a, b, c)),
        3 => (any::<u8>(), array()).prop_map(|(op, a)| Step::Unary(op, a)),
        8 => (any::<u8>(), array(), array()).prop_map(|(op, a, b)| Step::Binary(op, a, b)),
        3 => (any::<u8>(), array(), any::<i8>()).prop_map(|(op, a, v)| Step::Scalar(op, a, v)),
        6 => (any::<u8>(), array(), array(), any::<bool>()).prop_map(|(op, a, b, mask)| Step::InPlace(op, a, b, mask)),
        12 => (any::<u8>(), array(), any::<i8>(), any::<i8>()).prop_map(|(kind, a, x, y)| Step::View(kind, a, x, y)),
        6 => (array(), array()).prop_map(|(a, b)| Step::Assign(a, b)),
        6 => (array(), any::<u16>()).prop_map(|(a, how)| Step::Stencil(a, how)),
        6 => (array(), any::<u16>()).prop_map(|(a, how)| Step::Rows(a, how)),
        4 => (array(), any::<i8>(), any::<i8>()).prop_map(|(a, i, v)| Step::Poke(a, i, v)),
        5 => (any::<u8>(), array(), any::<u8>(), any::<bool>()).prop_map(|(r, a, axes, keep)| Step::Reduce(r, a, axes, keep)),
        2 => (array(), array(), array()).prop_map(|(a, b, c)| Step::Select(a, b, c)),
        3 => (array(), array()).prop_map(|(a, b)| Step::Dot(a, b)),
        1 => (array(), array(), any::<u8>()).prop_map(|(a, b, axis)| Step::Concatenate(a, b, axis)),
        1 => (any::<bool>(), array(), any::<u8>()).prop_map(|(op, a, axis)| Step::Scan(op, a, axis)),
        1 => (any::<bool>(), array(), any::<u8>()).prop_map(|(places, a, axis)| Step::Sort(places, a, axis)),
        2 => (array(), array(), any::<bool>()).prop_map(|(a, b, assign)| Step::Mask(a, b, assign)),
        2 => (array(), array(), any::<u8>()).prop_map(|(a, b, axis)| Step::Take(a, b, axis)),
        2 => (array(), array(), array()).prop_map(|(a, b, c)| Step::Scatter(a, b, c)),
        4 => (array(), array(), any::<u8>()).prop_map(|(a, b, how)| Step::Chosen(a, b, how)),
        2 => (any::<u8>(), array()).prop_map(|(t, a)| Step::Cast(t, a)),
        3 => array().prop_map(Step::Fetch),
        4 => array().prop_map(Step::Drop),
        2 => Just(Step::Flush),
    ];
    proptest::collection::vec(step, 1..60)
}

const SHAPES: &[&[i64]] = &[
    &[],
    &[1],
    &[5],
    &[5],
    &[7],
    &[64],
    &[1000],
    &[2500],
    &[5, 7],
    &[7, 5],
    &[5, 5],
    &[1, 7],
    &[5, 1],
    &[33, 40],
    &[40, 33],
    &[300, 5],
    &[3, 700],
    &[3, 5, 7],
    &[7, 5, 3],
    &[2, 1, 5],
    &[12, 5, 7],
    &[2, 3, 2, 5],
    &[0],
    &[0, 5],
];
const TYPES: &[DType] = &[
    DType::F64,
    DType::F64,
    DType::F64,
    DType::I64,
    DType::F32,
    DType::Bool,
    DType::I32,
    DType::U8,
    DType::C128,
    DType::U64,
    DType::I8,
    DType::C64,
    DType::F16,
];
const UNARY: &[&str] =
    &["negative", "absolute", "sqrt", "square", "exp", "sin", "isnan", "logical_not", "floor", "conjugate", "sign"];
const BINARY: &[&str] = &[
    "add",
    "add",
    "subtract",
    "multiply",
    "multiply",
    "divide",
    "maximum",
    "minimum",
    "less",
    "equal",
    "floor_divide",
    "remainder",
    "logical_and",
    "arctan2",
];
const REDUCTIONS: &[Reduction] = &[
    Reduction::Sum,
    Reduction::Sum,
    Reduction::Sum,
    Reduction::Prod,
    Reduction::Min,
    Reduction::Max,
    Reduction::Any,
    Reduction::All,
    Reduction::Mean,
    Reduction::Var,
    Reduction::Std,
    Reduction::ArgMin,
    Reduction::ArgMax,
    Reduction::CountNonzero,
    Reduction::Ptp,
];
/// More than this many elements in one array stop being made.
const LARGEST: i64 = 20_000;

fn pick<T: Copy>(list: &[T], k: impl Into<usize>) -> T {
    list[k.into() % list.len()]
}

/// The same program on a subject and on its shadow.
pub struct Machine {
    subject: Session,
    shadow: Session,
    /// What was made, on both.
    arrays: Vec<(NdArray, NdArray)>,
    made: u32,
}

/// What a step makes, on one session, of the arrays of that session.
type Action<'a> = dyn Fn(&Session, &dyn Fn(usize) -> NdArray) -> Result<Option<NdArray>, Error> + 'a;

impl Machine {
    pub fn new(subject: Session, shadow: Session) -> Machine {
        Machine { subject, shadow, arrays: Vec::new(), made: 0 }
    }

    /// To be given to [`Machine::end_round`].
    pub fn start_round(&mut self) -> (usize, u32) {
        self.subject.flush();
        (self.arrays.len(), self.made)
    }

    /// Forgets what was made in a round, so that the next one does the same to what is left.
    pub fn end_round(&mut self, (arrays, made): (usize, u32)) {
        self.arrays.truncate(arrays.max(1));
        self.made = made;
        self.subject.flush();
    }

    /// Executes a step on both.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        self.made += 1;
        if self.arrays.is_empty() {
            let made = self.made;
            return self.both(&move |s, _| create(s, 3, 8, 0, made).map(Some));
        }
        match *step {
            Step::Fetch(a) => return self.compare(a % self.arrays.len()),
            Step::Drop(a) => drop(self.arrays.remove(a % self.arrays.len())),
            Step::Flush => self.subject.flush(),
            ref step => {
                let made = self.made;
                return self.both(&|s, array| execute(s, array, step, made));
            }
        }
        Ok(())
    }

    /// The same action on both: both fail with the same words, or both make something of the same shape and type.
    fn both(&mut self, action: &Action<'_>) -> Result<(), String> {
        let n = self.arrays.len();
        let subject = action(&self.subject, &|k| self.arrays[k % n].0.clone());
        let shadow = action(&self.shadow, &|k| self.arrays[k % n].1.clone());
        match (subject, shadow) {
            (Ok(Some(a)), Ok(Some(b))) => {
                if a.shape() != b.shape() || a.dtype() != b.dtype() || a.strides_bytes() != b.strides_bytes() {
                    return Err(format!(
                        "{:?} {} but the shadow made {:?} {}",
                        a.shape(),
                        a.dtype(),
                        b.shape(),
                        b.dtype()
                    ));
                }
                self.arrays.push((a, b));
                Ok(())
            }
            (Ok(None), Ok(None)) => Ok(()),
            (Err(a), Err(b)) if a.to_string() == b.to_string() => Ok(()),
            (a, b) => Err(format!("{a:?} but the shadow has {b:?}")),
        }
    }

    /// Compares all arrays.
    pub fn compare_all(&self) -> Result<(), String> {
        (0..self.arrays.len()).try_for_each(|k| self.compare(k))
    }

    fn compare(&self, k: usize) -> Result<(), String> {
        let (a, b) = &self.arrays[k];
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let late = || std::time::Instant::now() > deadline;
        let ours = self.subject.to_host(a, &late).map_err(|e| format!("array {k}: {e}"))?;
        let expected = self.shadow.to_host(b, &|| false).map_err(|e| format!("array {k} of the shadow: {e}"))?;
        let size = a.itemsize();
        let pairs = ours.as_slice().chunks_exact(size).zip(expected.as_slice().chunks_exact(size));
        match pairs.enumerate().find(|(_, (x, y))| !same_bits(a.dtype(), x, y)) {
            None => Ok(()),
            Some((i, (x, y))) => {
                Err(format!("array {k}, {:?} {}, element {i}: {x:?} but the shadow has {y:?}", a.shape(), a.dtype()))
            }
        }
    }
}

/// Equal bits; any NaN equals any other (which operand's payload survives is the machine's business).
fn same_bits(dtype: DType, x: &[u8], y: &[u8]) -> bool {
    let half = match dtype.kind() {
        Kind::Float => x.len(),
        Kind::Complex => x.len() / 2,
        _ => return x == y,
    };
    let nan = |bytes: &[u8]| match half {
        4 => f32::from_ne_bytes(bytes.try_into().unwrap()).is_nan(),
        _ => f64::from_ne_bytes(bytes.try_into().unwrap()).is_nan(),
    };
    x.chunks_exact(half).zip(y.chunks_exact(half)).all(|(x, y)| x == y || (nan(x) && nan(y)))
}

fn execute(s: &Session, array: &dyn Fn(usize) -> NdArray, step: &Step, made: u32) -> Result<Option<NdArray>, Error> {
    let plain = CallOptions::default();
    let fits = |a: &NdArray, b: &NdArray| {
        let shape = legate_numpy::shape::broadcast_shapes(&[a.shape(), b.shape()]);
        shape.is_ok_and(|shape| shape.iter().product::<i64>() <= LARGEST)
    };
    match *step {
        Step::Create(kind, shape, dtype) => create(s, kind, shape, dtype, made).map(Some),
        Step::Unary(op, a) => s.call(ufunc(UNARY, op), &[array(a).into()], &plain).map(Some),
        Step::Binary(op, a, b) => {
            let (a, b) = (array(a), array(b));
            if fits(&a, &b) { s.call(ufunc(BINARY, op), &[a.into(), b.into()], &plain).map(Some) } else { Ok(None) }
        }
        Step::Scalar(op, a, v) => {
            let v = if v % 2 == 0 { Weak::Int(i128::from(v / 8)) } else { Weak::Float(f64::from(v) / 8.0) };
            s.call(ufunc(BINARY, op), &[array(a).into(), v.into()], &plain).map(Some)
        }
        Step::InPlace(op, a, b, mask) => in_place(s, ufunc(BINARY, op), &array(a), &array(b), mask),
        Step::View(kind, a, x, y) => view(s, &array(a), kind, i64::from(x), i64::from(y)),
        Step::Assign(a, b) => s.assign(&array(a), &array(b).into()).map(|()| None),
        Step::Stencil(a, how) => stencil(s, &array(a), how),
        Step::Rows(a, how) => rows(s, &array(a), how),
        Step::Poke(a, i, v) => {
            let items =
                [IndexItem::Slice { start: Some(i64::from(i)), stop: None, step: Some(i64::from(v % 3) * 2 + 1) }];
            s.set_index(&array(a), &items, &Operand::from(i64::from(v))).map(|()| None)
        }
        Step::Reduce(kind, a, axes, keepdims) => reduce(s, &array(a), pick(REDUCTIONS, kind), axes, keepdims).map(Some),
        Step::Select(a, b, c) => {
            let (a, b, c) = (array(a), array(b), array(c));
            if !(fits(&a, &b) && fits(&b, &c) && fits(&a, &c)) {
                return Ok(None);
            }
            s.select(&a.into(), &b.into(), &c.into()).map(Some)
        }
        Step::Dot(a, b) => {
            let (a, b) = (array(a), array(b));
            let large =
                a.size() * b.size() > 2_000_000 || (a.ndim() > 0 && b.ndim() > 0 && a.size() + b.size() > 2 * LARGEST);
            if large { Ok(None) } else { bounded(s.dot(&a, &b, None)) }
        }
        Step::Concatenate(a, b, axis) => {
            let (a, b) = (array(a), array(b));
            if a.size() + b.size() > LARGEST {
                Ok(None)
            } else {
                s.concatenate(&[a, b], Some(i64::from(axis % 3)), None, None, Casting::SameKind).map(Some)
            }
        }
        Step::Scan(product, a, axis) => {
            let op = if product { ScanOp::Multiply } else { ScanOp::Add };
            s.accumulate(op, &array(a), (axis < 200).then_some(i64::from(axis % 3)), None).map(Some)
        }
        Step::Sort(places, a, axis) => {
            let axis = (axis < 200).then_some(i64::from(axis % 3));
            if places { s.argsort(&array(a), axis).map(Some) } else { s.sort(&array(a), axis).map(Some) }
        }
        Step::Mask(a, b, assign) => {
            let a = array(a);
            let mask = s.call(Ufunc::lookup("greater").unwrap(), &[(&a).into(), Operand::from(0)], &plain)?;
            match assign {
                false => s.select_by_mask(&a, &mask, &|| false).map(Some),
                true => s.assign_by_mask(&a, &mask, &s.ravel(&array(b))?.into(), &|| false).map(|()| None),
            }
        }
        Step::Take(a, b, axis) => {
            let (a, b) = (array(a), array(b));
            let axis = i64::from(axis) % a.ndim().max(1) as i64;
            let n = a.shape().get(axis as usize).copied().unwrap_or(1);
            let index = index_of(s, &b, n)?;
            if a.size() / n.max(1) * index.size() > LARGEST {
                return Ok(None);
            }
            s.take(&a, &index, Some(axis), BoundsMode::Raise, &|| false).map(Some)
        }
        Step::Scatter(a, b, c) => {
            let (a, b) = (array(a), array(b));
            let n = a.shape().first().copied().unwrap_or(1);
            let index = index_of(s, &b, n)?;
            s.assign_by_index(&a, &[index], &array(c).into(), &|| false).map(|()| None)
        }
        Step::Chosen(a, b, how) => chosen(s, &array(a), &array(b), how),
        Step::Cast(t, a) => s.astype(&array(a), pick(TYPES, t), Casting::Unsafe, true).map(Some),
        Step::Fetch(_) | Step::Drop(_) | Step::Flush => unreachable!("done by the machine"),
    }
}

/// What a key with one index, or two, chooses: read, written back doubled, or added to itself.
fn chosen(s: &Session, a: &NdArray, b: &NdArray, how: u8) -> Result<Option<NdArray>, Error> {
    let (rank, axis) = (a.ndim(), usize::from(how & 3) % a.ndim().max(1));
    let Some(&n) = a.shape().get(axis).filter(|_| b.ndim() > 0) else { return Ok(None) };
    let index = index_of(s, b, n)?;
    if a.size() / n.max(1) * index.size() > LARGEST {
        return Ok(None);
    }
    let all = KeyEntry::Basic(IndexItem::Slice { start: None, stop: None, step: None });
    let mut key = vec![all.clone(); axis];
    key.push(KeyEntry::Integers(index));
    if how & 4 != 0 && axis + 1 < rank {
        key.push(KeyEntry::Integers(index_of(s, b, a.shape()[axis + 1])?));
    } else if how & 8 != 0 && axis + 1 < rank {
        key.push(all);
        key.push(KeyEntry::Flag(true));
    }
    let found = s.get_chosen(a, &key, &|| false)?;
    let double = |a: &NdArray| s.call(Ufunc::lookup("add").unwrap(), &[a.into(), a.into()], &CallOptions::default());
    match how >> 4 & 3 {
        0 => Ok(Some(found)),
        1 => s.ufunc_at(Ufunc::lookup("add").unwrap(), a, &key, &found.into(), &|| false).map(|()| None),
        _ => s.set_chosen(a, &key, &double(&found)?.into(), &|| false).map(|()| None),
    }
}

/// Indices into `n` elements, from both ends, and one out of bounds now and then.
fn index_of(s: &Session, b: &NdArray, n: i64) -> Result<NdArray, Error> {
    let whole = s.astype(&b.real(), DType::I64, Casting::Unsafe, true)?;
    let plain = CallOptions::default();
    let bounded = s.call(Ufunc::lookup("remainder").unwrap(), &[whole.into(), Operand::from(2 * n.max(1))], &plain)?;
    s.call(Ufunc::lookup("subtract").unwrap(), &[bounded.into(), Operand::from(n)], &plain)
}

/// What is too large is forgotten.
fn bounded(made: Result<NdArray, Error>) -> Result<Option<NdArray>, Error> {
    made.map(|a| Some(a).filter(|a| a.size() <= LARGEST))
}

fn ufunc(list: &[&str], op: u8) -> Ufunc {
    Ufunc::lookup(pick(list, op)).unwrap()
}

fn create(s: &Session, kind: u8, shape: u8, dtype: u8, made: u32) -> Result<NdArray, Error> {
    let (shape, dtype) = (pick(SHAPES, shape), pick(TYPES, dtype));
    match kind % 6 {
        0 => s.zeros(shape, dtype),
        1 => s.full(shape, &Operand::from(i64::from(kind % 7)), Some(dtype)),
        2 => s.astype(&s.random_sample(shape)?, dtype, Casting::Unsafe, true),
        3 => {
            let n = shape.iter().product::<i64>();
            let range = s.arange(Weak::Int(0), Weak::Int(n.into()), Weak::Int(1), None)?;
            let shifted = s.call(
                Ufunc::lookup("subtract").unwrap(),
                &[range.into(), Operand::from(n / 2)],
                &CallOptions::default(),
            )?;
            s.reshape(&s.astype(&shifted, dtype, Casting::Unsafe, true)?, shape)
        }
        _ => {
            let n = shape.iter().product::<i64>();
            let mut state = u64::from(made);
            let values = (0..n).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 33) % 16) as f64 - 7.0
            });
            let bytes: Vec<u8> = values.flat_map(f64::to_ne_bytes).collect();
            s.astype(&s.from_host(&bytes, shape, DType::F64)?, dtype, Casting::Unsafe, false)
        }
    }
}

/// `a = op(a, b)` in place, where the first element along each row of `b` is positive if a mask is asked for.
fn in_place(s: &Session, op: Ufunc, a: &NdArray, b: &NdArray, mask: bool) -> Result<Option<NdArray>, Error> {
    let mask = match mask {
        true => {
            Some(s.call(Ufunc::lookup("greater").unwrap(), &[a.into(), Operand::from(0)], &CallOptions::default())?)
        }
        false => None,
    };
    let options =
        CallOptions { out: Some(a), where_: mask.as_ref(), casting: Casting::Unsafe, ..CallOptions::default() };
    s.call(op, &[a.into(), b.into()], &options).map(|_| None)
}

/// `center[...] = work` after `work = north + south`, `change = sum(|work - center|)`; perhaps again. Gives the work, or the change.
fn stencil(s: &Session, a: &NdArray, how: u16) -> Result<Option<NdArray>, Error> {
    if a.ndim() == 0 || a.shape().iter().any(|n| *n < 3) {
        return Ok(None);
    }
    let bit = |k: u16| how >> k & 1 == 1;
    let plain = CallOptions::default();
    let call = |name: &str, inputs: &[Operand]| s.call(Ufunc::lookup(name).unwrap(), inputs, &plain);
    // Along one axis (or, for the center, all of them) the first two or the last two are left out.
    let slice = |from: i64, backward: bool| match (from, backward) {
        (0, _) => IndexItem::Slice { start: None, stop: Some(-2), step: None },
        (1, false) => IndexItem::Slice { start: Some(1), stop: Some(-1), step: None },
        (1, true) => IndexItem::Slice { start: Some(-2), stop: Some(0), step: Some(-1) },
        _ => IndexItem::Slice { start: Some(2), stop: None, step: None },
    };
    let axis = usize::from(how >> 8) % a.ndim();
    let along = |from: i64, backward: bool| {
        let item = |d: usize| if d == axis { slice(from, backward) } else { slice(1, false) };
        a.index(&(0..a.ndim()).map(item).collect::<Vec<_>>())
    };
    let (north, center, south) = (along(0, false)?, along(1, bit(0))?, along(2, false)?);
    let mut work = call("add", &[north.into(), south.clone().into()])?;
    let mut change = None;
    if bit(1) {
        let difference = call("subtract", &[work.clone().into(), center.clone().into()]);
        // Booleans have no difference.
        let Ok(difference) = difference else { return Ok(None) };
        change = Some(s.reduce(Reduction::Sum, &difference, &ReduceOptions::default())?);
    }
    s.assign(&center, &work.clone().into())?;
    if bit(2) {
        work = call("add", &[work.into(), center.clone().into()])?;
        s.assign(if bit(3) { &center } else { &south }, &work.clone().into())?;
    }
    Ok(if bit(4) { change } else { Some(work) })
}

/// A matrix with a fold of each row and what is made of both (softmax, variance), or with its two products (a gradient).
fn rows(s: &Session, a: &NdArray, how: u16) -> Result<Option<NdArray>, Error> {
    if a.ndim() != 2 || a.size() == 0 {
        return Ok(None);
    }
    let bit = |k: u16| how >> k & 1 == 1;
    let plain = CallOptions::default();
    let call = |name: &str, inputs: &[Operand]| s.call(Ufunc::lookup(name).unwrap(), inputs, &plain);
    let fold = |kind, of: &NdArray, axis: i64| {
        s.reduce(kind, of, &ReduceOptions { axis: Some(&[axis]), keepdims: true, ..ReduceOptions::default() })
    };
    let x = if bit(0) { s.astype(a, DType::F64, Casting::Unsafe, true)? } else { a.clone() };
    if bit(1) {
        let z = s.dot(&x, &x.index(&[IndexItem::Int(0)])?, None)?;
        let error = call("add", &[call("multiply", &[z.clone().into(), z.into()])?.into(), Operand::from(1)])?;
        let gradient = s.dot(&x.transpose(None)?, &error, None)?;
        return Ok(Some(if bit(2) { error } else { gradient }));
    }
    let top = fold(if bit(2) { Reduction::Max } else { Reduction::Sum }, &x, 1)?;
    let shifted = call("add", &[x.clone().into(), top.into()])?;
    let weight = call(
        "add",
        &[
            fold(Reduction::Sum, &call("multiply", &[shifted.clone().into(), shifted.clone().into()])?, 1)?.into(),
            Operand::from(1),
        ],
    )?;
    let made = call("multiply", &[shifted.into(), weight.into()])?;
    if bit(3) {
        s.assign(&x, &made.clone().into())?;
    }
    if bit(4) { fold(Reduction::Sum, &made, i64::from(bit(5))).map(Some) } else { Ok(Some(made)) }
}

fn view(s: &Session, a: &NdArray, kind: u8, x: i64, y: i64) -> Result<Option<NdArray>, Error> {
    let all = IndexItem::Slice { start: None, stop: None, step: None };
    let step = if y % 4 == 0 { 1 } else { y % 4 };
    let cut =
        IndexItem::Slice { start: (x % 3 != 0).then_some(x % 9), stop: (y % 5 == 0).then_some(-1), step: Some(step) };
    let made = match kind % 13 {
        0 | 1 => a.index(&[cut]),
        2 | 3 => a.index(&[IndexItem::Ellipsis, cut]),
        4 => a.index(&[IndexItem::Int(x % 4)]),
        5 => a.index(&[all, IndexItem::NewAxis, IndexItem::Ellipsis]),
        6 => a.transpose(None),
        7 => a.diagonal(x % 3, 0, 1),
        8 => s.ravel(a),
        9 => s.reshape(a, &[-1, 5]),
        10 => s.reshape(a, &[5, -1]),
        11 => Ok(if x % 2 == 0 { a.real() } else { a.imag().unwrap_or_else(|| a.clone()) }),
        _ => a.flip(None),
    };
    made.map(Some)
}

fn reduce(s: &Session, a: &NdArray, kind: Reduction, axes: u8, keepdims: bool) -> Result<NdArray, Error> {
    let chosen: Vec<i64> = (0..a.ndim()).filter(|d| axes >> d & 1 == 1).map(|d| d as i64).collect();
    let axis = if axes & 16 == 0 { None } else { Some(chosen.as_slice()) };
    s.reduce(kind, a, &ReduceOptions { axis, keepdims, ..ReduceOptions::default() })
}
