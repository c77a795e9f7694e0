//! The five programs of `legate-bench/programs`, as the streams of operations that their loops issue. Weak scaling: a rank has as much of each problem as the
//! program has by default, whatever the number of ranks.

use legate_numpy::{CallOptions, DType, IndexItem, NdArray, Operand, Reduction, Result, Session, Ufunc};

/// A program with its data, ready for its loop.
pub(crate) type Step<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// Sets a program up for a number of ranks.
pub(crate) type Program = fn(&Session, u32) -> Result<Step<'_>>;

/// Names as the files'.
pub(crate) const PROGRAMS: [(&str, Program); 5] = [
    ("jacobi", jacobi),
    ("black_scholes", black_scholes),
    ("logistic_regression", logistic_regression),
    ("heat", heat),
    ("pcg", pcg),
];

/// The extent of a square of which each rank has `per_rank` squared.
fn square(per_rank: f64, ranks: u32) -> i64 {
    (per_rank * f64::from(ranks).sqrt()).round() as i64
}

fn call(session: &Session, name: &str, inputs: &[Operand]) -> Result<NdArray> {
    session.call(Ufunc::lookup(name).expect("a NumPy function"), inputs, &CallOptions::default())
}

fn sum(session: &Session, x: &NdArray) -> Result<NdArray> {
    session.reduce(Reduction::Sum, x, &Default::default())
}

/// Values that no constant stands for.
fn vector(session: &Session, n: i64) -> Result<NdArray> {
    Ok(session.linspace(1.0, 2.0, n, true, None)?.0)
}

fn jacobi(session: &Session, ranks: u32) -> Result<Step<'_>> {
    let n = square(4000.0, ranks);
    let a = session.eye(n, n, 0, DType::F64)?;
    let r = call(session, "multiply", &[(&a).into(), 0.5.into()])?;
    let (b, d) = (vector(session, n)?, a.diagonal(0, 0, 1)?);
    let mut x = session.zeros(&[n], DType::F64)?;
    Ok(Box::new(move || {
        let rest = call(session, "subtract", &[(&b).into(), session.dot(&r, &x, None)?.into()])?;
        x = call(session, "divide", &[rest.into(), (&d).into()])?;
        Ok(())
    }))
}

fn black_scholes(session: &Session, ranks: u32) -> Result<Step<'_>> {
    let n = 4_000_000 * i64::from(ranks);
    let (s, x, t) = (vector(session, n)?, vector(session, n)?, vector(session, n)?);
    let mut scenario = 0;
    Ok(Box::new(move || {
        let rate = 0.02 + 0.001 * f64::from(scenario % 100);
        scenario += 1;
        let (calls, puts) = prices(session, (&s, &x, &t), rate, 0.3)?;
        call(session, "add", &[sum(session, &calls)?.into(), sum(session, &puts)?.into()])?;
        Ok(())
    }))
}

fn prices(session: &Session, (s, x, t): (&NdArray, &NdArray, &NdArray), r: f64, v: f64) -> Result<(NdArray, NdArray)> {
    let op = |name: &str, inputs: &[Operand]| call(session, name, inputs);
    let sqrt_t = op("sqrt", &[t.into()])?;
    let growth = op("multiply", &[(r + 0.5 * v * v).into(), t.into()])?;
    let moneyness = op("log", &[op("divide", &[s.into(), x.into()])?.into()])?;
    let width = op("multiply", &[v.into(), (&sqrt_t).into()])?;
    let d1 = op("divide", &[op("add", &[moneyness.into(), growth.into()])?.into(), (&width).into()])?;
    let d2 = op("subtract", &[(&d1).into(), width.into()])?;
    let (cdf1, cdf2) = (normal_cdf(session, &d1)?, normal_cdf(session, &d2)?);
    let discount = op("exp", &[op("multiply", &[(-r).into(), t.into()])?.into()])?;
    let discounted = op("multiply", &[x.into(), discount.into()])?;
    let (held, owed) =
        (op("multiply", &[s.into(), (&cdf1).into()])?, op("multiply", &[(&discounted).into(), (&cdf2).into()])?);
    let calls = op("subtract", &[held.into(), owed.into()])?;
    let (other1, other2) = (op("subtract", &[1.0.into(), cdf1.into()])?, op("subtract", &[1.0.into(), cdf2.into()])?);
    let (owed, held) =
        (op("multiply", &[discounted.into(), other2.into()])?, op("multiply", &[s.into(), other1.into()])?);
    Ok((calls, op("subtract", &[owed.into(), held.into()])?))
}

fn normal_cdf(session: &Session, d: &NdArray) -> Result<NdArray> {
    let op = |name: &str, inputs: &[Operand]| call(session, name, inputs);
    let scaled = op("multiply", &[0.231_641_9.into(), op("absolute", &[d.into()])?.into()])?;
    let k = op("divide", &[1.0.into(), op("add", &[1.0.into(), scaled.into()])?.into()])?;
    let mut tail = op("multiply", &[(&k).into(), 1.330_274_429.into()])?;
    for coefficient in [-1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530] {
        let inner = op("add", &[coefficient.into(), tail.into()])?;
        tail = op("multiply", &[(&k).into(), inner.into()])?;
    }
    let halved = op("multiply", &[op("multiply", &[(-0.5).into(), d.into()])?.into(), d.into()])?;
    let weighted = op("multiply", &[tail.into(), op("exp", &[halved.into()])?.into()])?;
    let tail = op("divide", &[weighted.into(), (2.0 * std::f64::consts::PI).sqrt().into()])?;
    let above = op("greater", &[d.into(), 0.0.into()])?;
    let rest = op("subtract", &[1.0.into(), (&tail).into()])?;
    session.select(&above.into(), &rest.into(), &tail.into())
}

fn logistic_regression(session: &Session, ranks: u32) -> Result<Step<'_>> {
    let samples = 500_000 * i64::from(ranks);
    let x = session.eye(samples, 32, 0, DType::F64)?;
    let (y, transposed) = (vector(session, samples)?, x.transpose(None)?);
    let mut weights = session.zeros(&[32], DType::F64)?;
    Ok(Box::new(move || {
        let op = |name: &str, inputs: &[Operand]| call(session, name, inputs);
        let negative = op("negative", &[session.dot(&x, &weights, None)?.into()])?;
        let grown = op("add", &[1.0.into(), op("exp", &[negative.into()])?.into()])?;
        let error = op("subtract", &[op("divide", &[1.0.into(), grown.into()])?.into(), (&y).into()])?;
        let gradient = op("divide", &[session.dot(&transposed, &error, None)?.into(), (samples as f64).into()])?;
        let change = op("multiply", &[10.0.into(), gradient.into()])?;
        weights = op("subtract", &[(&weights).into(), change.into()])?;
        Ok(())
    }))
}

fn heat(session: &Session, ranks: u32) -> Result<Step<'_>> {
    let n = square(2000.0, ranks) + 2;
    let slice = |start: i64, stop: i64| IndexItem::Slice { start: Some(start), stop: Some(stop), step: None };
    let grid = session.zeros(&[n, n], DType::F64)?;
    let all = slice(0, n);
    for (rim, degrees) in [
        ([all, IndexItem::Int(0)], -273.15),
        ([all, IndexItem::Int(-1)], -273.15),
        ([IndexItem::Int(-1), all], -273.15),
        ([IndexItem::Int(0), all], 40.0),
    ] {
        session.set_index(&grid, &rim, &degrees.into())?;
    }
    let shifted = |row: i64, column: i64| grid.index(&[slice(row, n - 2 + row), slice(column, n - 2 + column)]);
    let (center, north, east) = (shifted(1, 1)?, shifted(0, 1)?, shifted(1, 2)?);
    let (west, south) = (shifted(1, 0)?, shifted(2, 1)?);
    Ok(Box::new(move || {
        let op = |name: &str, inputs: &[Operand]| call(session, name, inputs);
        let mut average = op("add", &[(&center).into(), (&north).into()])?;
        for side in [&east, &west, &south] {
            average = op("add", &[average.into(), side.into()])?;
        }
        let work = op("multiply", &[0.2.into(), average.into()])?;
        let change = op("subtract", &[(&work).into(), (&center).into()])?;
        sum(session, &op("absolute", &[change.into()])?)?;
        session.assign(&center, &work.into())
    }))
}

fn pcg(session: &Session, ranks: u32) -> Result<Step<'_>> {
    let n = square(4000.0, ranks);
    let a = session.eye(n, n, 0, DType::F64)?;
    let m = call(session, "multiply", &[(&a).into(), 0.5.into()])?;
    let (mut x, mut r) = (session.zeros(&[n], DType::F64)?, vector(session, n)?);
    let z = session.dot(&m, &r, None)?;
    let (mut p, mut old) = (z.clone(), session.dot(&r, &z, None)?);
    Ok(Box::new(move || {
        let op = |name: &str, inputs: &[Operand]| call(session, name, inputs);
        let ap = session.dot(&a, &p, None)?;
        let alpha = op("divide", &[(&old).into(), session.dot(&p, &ap, None)?.into()])?;
        x = op("add", &[(&x).into(), op("multiply", &[(&alpha).into(), (&p).into()])?.into()])?;
        r = op("subtract", &[(&r).into(), op("multiply", &[alpha.into(), ap.into()])?.into()])?;
        // The program would stop here; what it asks is part of its stream.
        let norm = op("sqrt", &[session.dot(&r, &r, None)?.into()])?;
        session.truth(&op("less", &[norm.into(), 1e-10.into()])?, &|| false)?;
        let z = session.dot(&m, &r, None)?;
        let new = session.dot(&r, &z, None)?;
        let beta = op("divide", &[(&new).into(), (&old).into()])?;
        p = op("add", &[z.into(), op("multiply", &[beta.into(), (&p).into()])?.into()])?;
        old = new;
        Ok(())
    }))
}
