//! The error budgets of the tables, at random arguments of all sizes, against values of 192 bits.
//!
//! `LEGATE_ACCURACY=N` draws N times as many arguments and prints the largest errors (which the tables' budgets bound).

use crate::reference::{DOUBLE, Reference, SINGLE};
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::ops::{self, BinaryOp, UnaryOp};
use std::collections::BTreeMap;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI, SQRT_2};

/// Where arguments are drawn from.
#[derive(Clone, Copy)]
enum Draw {
    /// Between two numbers.
    From(f64, f64),
    /// A power of two between these exponents times a random mantissa; both signs.
    Sizes(i32, i32),
    /// The same, positive.
    Positive(i32, i32),
    /// A number and its neighbours.
    Near(f64),
}
use Draw::{From, Near, Positive, Sizes};

const ALL: Draw = Sizes(-1074, 1023);
const SINGLES: Draw = Sizes(-149, 127);

/// The functions, and arguments of all sizes, common ones, and difficult ones.
const UNARY: &[(&str, &[Draw])] = &[
    (
        "exp",
        &[
            From(-1.0, 1.0),
            From(-104.0, 89.0),
            From(-746.0, 710.0),
            Sizes(-60, 9),
            Near(709.782_712_893_384),
            Near(88.722_84),
        ],
    ),
    ("exp2", &[From(-1.0, 1.0), From(-150.0, 128.0), From(-1075.0, 1024.0), Sizes(-60, 10), Near(1024.0), Near(0.5)]),
    ("expm1", &[From(-1.0, 1.0), From(-40.0, 89.0), From(-40.0, 710.0), ALL, SINGLES, Near(0.346_573_590_279_972_65)]),
    ("log", &[From(0.5, 2.0), Positive(-1074, 1023), Positive(-149, 127), Near(1.0), Near(FRAC_1_SQRT_2)]),
    ("log2", &[From(0.5, 2.0), Positive(-1074, 1023), Positive(-149, 127), Near(1.0), Near(SQRT_2)]),
    ("log10", &[From(0.5, 2.0), Positive(-1074, 1023), Positive(-149, 127), Near(1.0), Near(1000.0)]),
    (
        "log1p",
        &[
            From(-1.0, 1.0),
            Positive(-1074, 1023),
            Sizes(-149, -1),
            Near(0.414_213_562_373_095_03),
            Near(-1.0),
            From(1.0, 1e9),
        ],
    ),
    ("cbrt", &[ALL, SINGLES, From(-8.0, 8.0), Near(1.0), Near(27.0)]),
    (
        "sin",
        &[From(-7.0, 7.0), Sizes(-1074, -1), Sizes(0, 35), From(-1e9, 1e9), Near(PI), Near(6_381_956_970_095_103.0)],
    ),
    ("cos", &[From(-7.0, 7.0), Sizes(-1074, -1), Sizes(0, 35), From(-1e9, 1e9), Near(FRAC_PI_2), Near(1e9)]),
    ("tan", &[From(-7.0, 7.0), Sizes(-1074, -1), Sizes(0, 35), From(-1e9, 1e9), Near(FRAC_PI_2), Near(PI)]),
    ("arcsin", &[From(-1.0, 1.0), Sizes(-1074, -1), Near(0.5), Near(1.0)]),
    ("arccos", &[From(-1.0, 1.0), Sizes(-1074, -1), Near(0.5), Near(-1.0)]),
    ("arctan", &[From(-2.0, 2.0), ALL, SINGLES, Near(1.0)]),
    ("sinh", &[From(-3.0, 3.0), From(-89.0, 89.0), From(-711.0, 711.0), Sizes(-1074, 9), Near(710.475_860_073_944)]),
    ("cosh", &[From(-3.0, 3.0), From(-89.0, 89.0), From(-711.0, 711.0), Sizes(-1074, 9), Near(710.475_860_073_944)]),
    ("tanh", &[From(-3.0, 3.0), From(-23.0, 23.0), Sizes(-1074, 9), Near(18.714_973_875_118_524)]),
    ("arcsinh", &[From(-3.0, 3.0), ALL, SINGLES, Near(1.0)]),
    ("arccosh", &[From(1.0, 3.0), Positive(0, 1023), Positive(0, 127), Near(1.0)]),
    ("arctanh", &[From(-1.0, 1.0), Sizes(-1074, -1), Near(1.0), Near(0.171_572_875_253_809_9)]),
    ("erf", &[From(-3.0, 3.0), From(-6.5, 6.5), Sizes(-300, 2), Near(0.015_625)]),
];

const BINARY: &[(&str, &[(Draw, Draw)])] = &[
    (
        "power",
        &[
            (From(0.01, 100.0), From(-5.0, 5.0)),
            (From(0.9, 1.1), From(-7000.0, 7000.0)),
            (Positive(-1022, 1023), From(-2.0, 2.0)),
            (Positive(-126, 127), From(-1.0, 1.0)),
            (From(0.5, 2.0), From(-1075.0, 1023.0)),
        ],
    ),
    (
        "hypot",
        &[
            (From(-5.0, 5.0), From(-5.0, 5.0)),
            (ALL, ALL),
            (Sizes(-149, 126), Sizes(-149, 126)),
            (Positive(1020, 1022), From(1e306, 1e308)),
        ],
    ),
    (
        "arctan2",
        &[
            (From(-5.0, 5.0), From(-5.0, 5.0)),
            (Sizes(-900, 900), Sizes(-900, 900)),
            (Sizes(-60, 60), Sizes(-60, 60)),
            (Near(1.0), Near(-1.0)),
        ],
    ),
];

/// Arguments from each range.
const DRAWS: usize = 64;

/// Numbers at random: SplitMix64.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn draw(&mut self, draw: Draw) -> f64 {
        let size = |r: &mut Random, low: i32, high: i32| {
            let exponent = low + (r.bits() % (high - low + 1) as u64) as i32;
            // Two factors: a power of two may be subnormal.
            (1.0 + r.unit()) * f64::from(exponent / 2).exp2() * f64::from(exponent - exponent / 2).exp2()
        };
        match draw {
            From(low, high) => low + (high - low) * self.unit(),
            Positive(low, high) => size(self, low, high),
            Sizes(low, high) => size(self, low, high) * if self.bits() & 1 == 0 { 1.0 } else { -1.0 },
            Near(x) => f64::from_bits(x.to_bits().wrapping_add(self.bits() % 17).wrapping_sub(8)),
        }
    }
}

fn factor() -> usize {
    std::env::var("LEGATE_ACCURACY").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// The largest error by function and type, and where.
type Worst = BTreeMap<(&'static str, DType), (f64, Vec<f64>)>;

fn note(worst: &mut Worst, name: &'static str, dtype: DType, error: f64, at: &[f64]) {
    let entry = worst.entry((name, dtype)).or_insert((0.0, Vec::new()));
    if error > entry.0 {
        *entry = (error, at.to_vec());
    }
}

fn check(worst: &Worst, budget: impl Fn(&str, DType) -> f64) {
    if factor() > 1 {
        for ((name, dtype), (error, at)) in worst {
            eprintln!("{name:10} {:8} {error:.3} of {} at {at:?}", dtype.name(), budget(name, *dtype));
        }
    }
    let over: Vec<_> = worst.iter().filter(|((name, dtype), (error, _))| *error > budget(name, *dtype)).collect();
    assert!(over.is_empty(), "{over:#?}");
}

#[test]
fn functions_of_one_argument_keep_their_budgets_everywhere() {
    let (mut worst, mut random, mut reference) = (Worst::new(), Random(1), Reference::new());
    for (name, draws) in UNARY {
        let op = UnaryOp::from_name(name).unwrap();
        for draw in *draws {
            for i in 0..DRAWS * factor() {
                let drawn = random.draw(*draw);
                // Every other argument is one of both types.
                let x = if i % 2 == 0 && (drawn as f32).is_finite() { f64::from(drawn as f32) } else { drawn };
                let exact = reference.unary(name, x);
                let got: f64 = ops::unary(op, Scalar::new(x)).unwrap().get().unwrap();
                note(&mut worst, name, DType::F64, DOUBLE.ulps(got, &exact), &[x]);
                if f64::from(x as f32) == x {
                    let got: f32 = ops::unary(op, Scalar::new(x as f32)).unwrap().get().unwrap();
                    note(&mut worst, name, DType::F32, SINGLE.ulps(got.into(), &exact), &[x]);
                }
            }
        }
    }
    check(&worst, |name, dtype| UnaryOp::from_name(name).unwrap().ulp(dtype));
}

#[test]
fn functions_of_two_arguments_keep_their_budgets_everywhere() {
    let (mut worst, mut random, mut reference) = (Worst::new(), Random(2), Reference::new());
    for (name, draws) in BINARY {
        let op = BinaryOp::from_name(name).unwrap();
        for (first, second) in *draws {
            for i in 0..DRAWS * factor() {
                let drawn = [random.draw(*first), random.draw(*second)];
                let singles = drawn.map(|x| f64::from(x as f32));
                let is_single = i % 2 == 0 && singles.iter().all(|x| x.is_finite());
                let [x, y] = if is_single { singles } else { drawn };
                if x == 0.0 || y == 0.0 {
                    continue;
                }
                let exact = reference.binary(name, x, y);
                let got: f64 = ops::binary(op, Scalar::new(x), Scalar::new(y)).unwrap().get().unwrap();
                note(&mut worst, name, DType::F64, DOUBLE.ulps(got, &exact), &[x, y]);
                if is_single {
                    let got: f32 =
                        ops::binary(op, Scalar::new(x as f32), Scalar::new(y as f32)).unwrap().get().unwrap();
                    note(&mut worst, name, DType::F32, SINGLE.ulps(got.into(), &exact), &[x, y]);
                }
            }
        }
    }
    check(&worst, |name, dtype| BinaryOp::from_name(name).unwrap().ulp(dtype));
}
