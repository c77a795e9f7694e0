//! In which order an element-wise operation walks its dimensions, and new arrays lie in memory: NumPy's `order=`.
//!
//! The domain of an operation has the operands' dimensions sorted as they lie in memory, and a new result is laid out like the domain. So work on
//! transposed matrices runs along their rows, and results have the strides that NumPy gives them.

use crate::array::NdArray;
use crate::error::Result;
use crate::view::View;
use legate_core::geometry::Point;
use legate_kernels::dtype::DType;
use smallvec::SmallVec;

/// NumPy's `order=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Row-major.
    C,
    /// Column-major.
    F,
    /// Column-major like an array that is so and not row-major, else row-major.
    A,
    /// As near to an array's as can be.
    K,
}

impl Layout {
    /// From its letter, small or not; `None` for what is no order.
    ///
    /// ```
    /// use legate_numpy::Layout;
    /// assert_eq!(Layout::parse("f"), Some(Layout::F));
    /// assert_eq!(Layout::parse("column"), None);
    /// ```
    pub fn parse(letter: &str) -> Option<Layout> {
        match letter {
            "C" | "c" => Some(Layout::C),
            "F" | "f" => Some(Layout::F),
            "A" | "a" => Some(Layout::A),
            "K" | "k" => Some(Layout::K),
            _ => None,
        }
    }

    /// Whether an array lies so already.
    pub fn is_met(self, a: &NdArray) -> bool {
        match self {
            Layout::C => a.is_c_contiguous(),
            Layout::F => a.is_f_contiguous(),
            Layout::A | Layout::K => true,
        }
    }

    /// A new array of this layout, `make` with the extents as they lie in memory; `like` is what `A` and `K` look at, and has as many dimensions, if
    /// it is to have a say.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn made(
        self,
        shape: &[i64],
        like: Option<&NdArray>,
        make: impl FnOnce(&[i64]) -> Result<NdArray>,
    ) -> Result<NdArray> {
        let order = Order::in_layout(self, shape, like);
        Ok(order.restored(make(order.domain())?))
    }

    /// The array seen so that its row-major order is this one of `a`.
    pub fn visited(self, a: &NdArray) -> NdArray {
        Order::in_layout(self, a.shape(), Some(a)).view_of(a)
    }
}

/// A permutation of an operation's dimensions.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    domain: Point,
    /// Dimension `d` of the domain is dimension `axes[d]` of the operation; `None`: as they are.
    axes: Option<SmallVec<[usize; 4]>>,
}

impl Order {
    /// As they are.
    pub(crate) fn c(shape: &[i64]) -> Order {
        Order { domain: shape.into(), axes: None }
    }

    /// As the layout says.
    pub(crate) fn in_layout(layout: Layout, shape: &[i64], like: Option<&NdArray>) -> Order {
        let like = like.filter(|a| a.ndim() == shape.len());
        match (layout, like) {
            _ if shape.len() < 2 => Order::c(shape),
            (Layout::F, _) => Order::f(shape),
            (Layout::A, Some(a)) if a.is_f_contiguous() && !a.is_c_contiguous() => Order::f(shape),
            (Layout::K, Some(a)) => {
                let axes = Order::of(a.shape(), std::iter::once(a)).axes;
                let domain =
                    axes.as_ref().map_or_else(|| shape.into(), |axes| axes.iter().map(|&d| shape[d]).collect());
                Order { domain, axes }
            }
            _ => Order::c(shape),
        }
    }

    /// Column-major.
    fn f(shape: &[i64]) -> Order {
        Order { domain: shape.iter().rev().copied().collect(), axes: Some((0..shape.len()).rev().collect()) }
    }

    /// As the operands, broadcast to `shape`, lie in memory. Where they disagree, or do not say, C order.
    pub(crate) fn of<'a>(shape: &[i64], operands: impl Iterator<Item = &'a NdArray> + Clone) -> Order {
        if shape.len() < 2 || operands.clone().all(|a| a.view.is_c_contiguous()) {
            return Order::c(shape);
        }
        let views: SmallVec<[View; 4]> = operands.filter_map(|a| a.view.broadcast(shape)).collect();
        let mut axes: SmallVec<[usize; 4]> = SmallVec::new();
        for axis in (0..shape.len()).rev() {
            // Innermost first: `axis` goes further in while its neighbour there must be further out.
            let outward = |inner: &usize| must_swap(&views, axis, *inner);
            let mut place = axes.len();
            for (i, inner) in axes.iter().enumerate().rev() {
                match outward(inner) {
                    Some(true) => place = i,
                    Some(false) => break,
                    None => {}
                }
            }
            axes.insert(place, axis);
        }
        axes.reverse();
        if axes.iter().copied().eq(0..shape.len()) {
            return Order::c(shape);
        }
        Order { domain: axes.iter().map(|&a| shape[a]).collect(), axes: Some(axes) }
    }

    /// Whether dimensions are as they are.
    pub(crate) fn is_c(&self) -> bool {
        self.axes.is_none()
    }

    /// Extents of the domain.
    pub(crate) fn domain(&self) -> &[i64] {
        &self.domain
    }

    /// The domain's dimension for one of the operation.
    pub(crate) fn dim(&self, axis: usize) -> usize {
        match &self.axes {
            None => axis,
            Some(axes) => axes.iter().position(|&a| a == axis).expect("a permutation has every dimension"),
        }
    }

    /// The array seen in the domain's order.
    pub(crate) fn view_of(&self, a: &NdArray) -> NdArray {
        let Some(axes) = &self.axes else { return a.clone() };
        let lead = axes.len() - a.ndim();
        let mut view = a.view.clone();
        for _ in 0..lead {
            view = view.with_new_axis(0);
        }
        a.with_view(view.permuted(axes))
    }

    /// A new array of the operation's shape, laid out like the domain.
    pub(crate) fn unwritten(&self, dtype: DType) -> NdArray {
        self.restored(NdArray::unwritten(&self.domain, dtype))
    }

    /// A result over the domain, seen in the operation's order.
    pub(crate) fn restored(&self, a: NdArray) -> NdArray {
        if self.is_c() {
            return a;
        }
        let inverse: SmallVec<[usize; 4]> = (0..self.domain.len()).map(|axis| self.dim(axis)).collect();
        let view = a.view.permuted(&inverse);
        a.with_view(view)
    }
}

/// Whether `outer` must lie further in than `inner`: the operands' strides say so, and none says otherwise. `None`: no operand says anything.
fn must_swap(views: &[View], outer: usize, inner: usize) -> Option<bool> {
    let mut said = None;
    for view in views {
        let step = |axis: usize| if view.shape[axis] == 1 { 0 } else { view.strides[axis].abs() };
        let (o, i) = (step(outer), step(inner));
        if o != 0 && i != 0 {
            if i <= o {
                said = Some(false);
            } else if said.is_none() {
                said = Some(true);
            }
        }
    }
    said
}
