"""Libraries that take array-likes: calls with our arrays give what they give with NumPy's.

What asks for NumPy's array *by its class* (extension modules that write to their arguments; `isinstance` in pandas' `groupby`, in sparse sums) wants
`numpy.asarray(x)`, as from every other array library.
"""

import io

import numpy
import pytest
from support import assert_same

import legate.numpy as np

pytestmark = pytest.mark.filterwarnings("ignore")


def compare(text, libraries):
    """Evaluates `text` with arrays of NumPy's and with ours."""
    theirs, ours = [eval(text, {**libraries, **fixtures(m)}) for m in (numpy, np)]
    if type(theirs).__module__.startswith("pandas"):
        assert type(ours) is type(theirs), f"{type(ours)}, not {type(theirs)}"
    ours, theirs = numpy.asarray(ours), numpy.asarray(theirs)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if theirs.dtype.kind in "fc":
        numpy.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    else:
        numpy.testing.assert_array_equal(ours, theirs)


def fixtures(m):
    random = numpy.random.default_rng(1)
    a = random.normal(size=(8, 8)) + 5 * numpy.eye(8)
    points = random.normal(size=(8, 2))
    return {
        "m": m,
        "A": m.array(a),
        "x": m.array(a[2] + 0.125),
        "k": m.array([3, 1, 2, 0, 7, 5, 1, 2]),
        "t": m.arange(8.0),
        "P": m.array(points),
    }


SCIPY = """
linalg.lu(A)[2]
linalg.lu_factor(A)[0]
linalg.lu_solve(linalg.lu_factor(A), A[0])
linalg.cholesky(A @ A.T)
linalg.cho_solve(linalg.cho_factor(A @ A.T), A[0])
linalg.qr(A)[1]
linalg.svd(A)[1]
linalg.svdvals(A)
linalg.eigh(A + A.T)[0]
linalg.eigvals(A + A.T)
linalg.solve(A, A[0])
linalg.solve_triangular(A, A[0])
linalg.lstsq(A, A[0])[0]
linalg.expm(A / 20)
linalg.det(A)
linalg.norm(A)
linalg.pinv(A)
linalg.toeplitz(A[0])
linalg.block_diag(A, A)
linalg.schur(A)[0]
linalg.solve_banded((0,0), A[:1], A[0])
optimize.minimize(lambda v: ((v - x) ** 2).sum(), m.zeros(8), method="Nelder-Mead", options={"maxiter": 50}).x
optimize.minimize(optimize.rosen, m.zeros(4), jac=optimize.rosen_der, hess=optimize.rosen_hess, method="trust-ncg").x
optimize.least_squares(lambda p: p[0] * x + p[1] - x * 3 - 1, m.zeros(2)).x
optimize.leastsq(lambda p: p[0] * x + p[1] - x * 3 - 1, m.zeros(2))[0]
optimize.curve_fit(lambda t, a, b: a * t + b, x, 3 * x + 1)[0]
optimize.root(lambda v: v ** 3 - m.asarray([1.0, 8.0]), m.ones(2)).x
optimize.fsolve(lambda v: v ** 3 - m.asarray([1.0, 8.0]), m.ones(2))
optimize.brentq(lambda v: m.cos(v) - v, 0, 1)
optimize.newton(lambda v: v**2 - 2, m.ones(3))
optimize.linprog(m.asarray([-1.0, -2.0]), A_ub=m.asarray([[1.0, 1.0]]), b_ub=m.asarray([4.0])).x
optimize.nnls(abs(A), abs(x))[0]
optimize.linear_sum_assignment(A)[1]
optimize.differential_evolution(lambda v: float((m.asarray(v)**2).sum()), [(-1, 1)] * 2, seed=1, maxiter=5).x
optimize.approx_fprime(x, lambda v: (v ** 2).sum())
sparse.csr_matrix(A).toarray()
sparse.csr_array(A).sum()
sparse.coo_array((x, (k, k)), shape=(8, 8)).toarray()
sparse.csr_array((x, k, m.arange(9)), shape=(8, 8)).toarray()
sparse.csr_array(A) @ x
sparse.csr_matrix(A) * x
A @ sparse.csr_array(A)
x @ sparse.csr_array(A)
sparse.csr_array(A).multiply(x).toarray()
sparse.csr_array(A)[k][:, k].toarray()
sparse.diags_array(x).toarray()
sparse.linalg.spsolve(sparse.csc_array(A), x)
sparse.linalg.gmres(sparse.csr_array(A), x)[0]
sparse.linalg.cg(sparse.linalg.LinearOperator((8, 8), matvec=lambda v: A @ (A.T @ m.asarray(v))), x)[0]
signal.convolve(x, x)
signal.fftconvolve(x, x)
signal.lfilter(x[:3], x[:2], x)
signal.sosfilt(signal.butter(2, 0.3, output="sos"), x)
signal.filtfilt(*signal.butter(1, 0.3), m.tile(x, 4))
signal.find_peaks(x)[0]
signal.welch(m.tile(x, 8), nperseg=16)[1]
signal.detrend(x)
signal.resample(x, 16)
signal.savgol_filter(x, 5, 2)
signal.convolve2d(A, A, mode="same")
signal.hilbert(x)
signal.spectrogram(m.tile(x, 8), nperseg=16)[2]
stats.describe(x).variance
stats.ttest_ind(x, A[1]).pvalue
stats.pearsonr(x, A[1])[0]
stats.spearmanr(x, A[1])[0]
stats.norm.pdf(x)
stats.norm.cdf(A, loc=x)
stats.norm.fit(x)
stats.gaussian_kde(x)(x)
stats.linregress(x, A[1]).slope
stats.ks_2samp(x, A[1]).pvalue
stats.zscore(A, axis=1)
stats.rankdata(x)
stats.skew(A)
stats.mode(k).mode
stats.binned_statistic(x, x, bins=4)[0]
stats.iqr(x)
stats.mannwhitneyu(x, A[1]).pvalue
stats.f_oneway(x, A[1], A[2]).pvalue
stats.entropy(abs(x))
interpolate.CubicSpline(t, A)(m.linspace(0, 7, 5))
interpolate.interp1d(t, x)(2.5)
interpolate.make_interp_spline(t, x)(t)
interpolate.PchipInterpolator(t, x)(t / 2)
interpolate.RegularGridInterpolator((t, t), A)(m.ones((3, 2)))
interpolate.griddata(P, x, P)
interpolate.splev(t, interpolate.splrep(t, x))
interpolate.RBFInterpolator(P, x)(P)
interpolate.UnivariateSpline(t, x)(t)
interpolate.RectBivariateSpline(t, t, A)(t, t)
integrate.trapezoid(x, t)
integrate.simpson(A)
integrate.cumulative_trapezoid(A, axis=0)
integrate.quad(lambda v: float(m.sin(v)), 0, 1)[0]
integrate.quad(lambda v: m.sin(m.asarray(v)), 0, 1)[0]
integrate.solve_ivp(lambda s, y: -y, (0, 1), x).y
integrate.solve_ivp(lambda s, y: A @ y / 100, (0, 1), x, t_eval=m.linspace(0, 1, 3)).y
integrate.odeint(lambda y, s: -m.asarray(y), x, m.linspace(0, 1, 3))
integrate.dblquad(lambda v, w: v * w, 0, 1, 0, 1)[0]
spatial.KDTree(P).query(P[0] + 0.1)[0]
spatial.cKDTree(P).query(P)[1]
spatial.ConvexHull(P).area
spatial.Delaunay(P).nsimplex
spatial.distance.pdist(A)
spatial.distance.cdist(A, A, "cosine")
spatial.distance.euclidean(x, A[1])
special.gamma(abs(x))
special.jv(1, A)
special.logsumexp(A, axis=0)
special.softmax(A)
special.expit(x)
special.erf(x)
special.binom(8, k)
fft.fft(A)
fft.rfft2(A)
fft.dct(x)
fft.ifft(fft.fft(x)).real
fft.fftshift(x)
ndimage.gaussian_filter(A, 1)
ndimage.convolve(A, A[:3, :3])
ndimage.label(A > 0)[0]
ndimage.zoom(A, 2)
ndimage.map_coordinates(A, [k, k])
ndimage.median_filter(A, 3)
ndimage.sum_labels(A, m.arange(64).reshape(8, 8) % 3, m.arange(3))
ndimage.binary_erosion(A > 0)
""".strip().split("\n")


@pytest.mark.parametrize("text", SCIPY)
def test_scipy(text):
    pytest.importorskip("scipy")
    from scipy import fft, integrate, interpolate, linalg, ndimage, optimize, signal, sparse, spatial, special, stats
    import scipy.sparse.linalg  # noqa: F401

    compare(text, locals())


PANDAS = """
pd.Series(x).sum()
pd.Series(x, index=m.arange(8)).loc[3]
pd.Series(x, index=k).sort_index().to_numpy()
pd.Series(x) * x
x * pd.Series(x)
pd.Series(x) + m.asarray(1.0)
pd.Series(x).where(x > 0, 0)
pd.Series(x).mask(m.asarray(x > 0), m.arange(8.0))
pd.Series(x).rolling(3).mean()
pd.Series(x).isin(x[:2])
pd.Series(x).map(lambda v: v + 1)
pd.Series(x).quantile(m.asarray([0.2, 0.5]))
pd.Series(x).reindex(m.arange(4))
pd.DataFrame({"a": x, "b": k}).groupby("b")["a"].sum()
pd.DataFrame({"a": x, "b": A[0]}).corr()
pd.DataFrame(A).apply(lambda c: c.max() - c.min())
pd.DataFrame(A).iloc[k]
pd.DataFrame(A).iloc[k % 3, m.arange(2)]
pd.DataFrame(A).dot(x)
pd.DataFrame(A) @ x
pd.DataFrame(A, index=m.arange(8), columns=m.arange(8)).stack()
pd.DataFrame(A).to_numpy()
m.asarray(pd.DataFrame(A))
m.array(pd.Series(x)) + x
m.sqrt(pd.Series(abs(x)))
m.add(pd.Series(x), x)
m.add(x, pd.Series(x))
m.maximum(pd.DataFrame(A), 0)
m.sum(pd.Series(x))
m.mean(pd.DataFrame(A), axis=0)
m.where(pd.Series(x) > 0, x, 0)
m.concatenate([pd.Series(x), x])
m.dot(A, pd.Series(x))
A @ pd.Series(x)
A @ pd.DataFrame(A)
x[pd.Series(x) > 0]
x[pd.Series(k)]
pd.cut(x, 3).codes
pd.qcut(x, 2).codes
pd.isna(x)
pd.to_numeric(x)
pd.Index(k)
pd.Index(x).get_indexer(x)
pd.to_datetime(m.arange(3), unit="D")
pd.date_range("2020", periods=8).to_numpy()
pd.Series(x, index=pd.date_range("2020", periods=8)).resample("2D").sum()
pd.concat([pd.Series(x), pd.Series(k)], axis=1)
pd.merge(pd.DataFrame({"a": k, "b": x}), pd.DataFrame({"a": m.arange(8), "c": x}))
pd.Series(x) > x.mean()
pd.Series(x).fillna(x.mean())
pd.Series(x).clip(x.min(), x.mean())
pd.Series(x).replace(x[0], 0)
pd.DataFrame(A).assign(z=x)["z"]
pd.crosstab(k % 2, k % 3)
pd.Series(x > 0).sum()
pd.array(k)
pd.Categorical(k).codes
pd.DataFrame(A).describe()
pd.Series(x).interpolate()
pd.Series(x).ewm(alpha=x[0] * 0 + 0.5).mean()
pd.DataFrame(A).agg(["sum", "mean"])
pd.DataFrame(A).sort_values(0, key=lambda c: m.abs(c))
pd.Series(x).searchsorted(x.mean())
pd.DataFrame.from_records(A)
pd.DataFrame({'a': x, 'b': k}).groupby('b')['a'].sum()
x.sum() + pd.Series(x)
pd.Series(x) + x.sum()
m.sum(D, axis=0)
m.mean(S)
m.mean(D, axis=0)
m.std(D, axis=0)
m.var(D, axis=0)
m.std(S)
m.max(D, axis=0)
m.min(S)
m.prod(D, axis=0)
m.all(D, axis=0)
m.any(S)
m.cumsum(S)
m.cumprod(D)
m.round(D, 1)
m.around(S)
m.clip(S, 0, 1)
m.argsort(S)
m.argmax(S)
m.argmin(S)
m.repeat(S, 2)
m.transpose(D)
m.squeeze(S)
m.ravel(S)
m.reshape(S, (2, 4))
m.searchsorted(S, 0.5)
m.sort(S)
m.unique(S)
m.diff(S)
m.nonzero(S)
m.where(S > 0)
m.abs(D)
m.exp(S)
m.isnan(D)
m.matmul(A, D)
A @ D
D @ A
x @ S
S @ x
m.dot(A, D)
m.median(S)
m.percentile(S, 50)
m.histogram(S)[0]
m.full_like(S, 1)
m.zeros_like(D)
m.shape(D)
m.size(D)
m.ndim(D)
m.copy(S)
m.vstack([S, x])
m.array_equal(S, x)
m.allclose(S, x)
m.interp(S, t, x)
m.trace(D)
m.swapaxes(D, 0, 1)
m.nan_to_num(S)
m.nansum(D, axis=0)
m.nanmean(S)
m.ptp(S)
m.average(S, weights=x)
m.cov(S, x)
m.isin(S, x[:3])
m.polyfit(t, S, 1)
m.logical_and(S > 0, x > 1)
(x > 0) & (S > 0)
x < S
x - D
x / S
x ** S
divmod(x, S)[0]
A + D
m.array(D)[k]
x[S > 0]
m.add.reduce(S)
m.cumsum(D, axis=1)
m.expand_dims(S, 0)
m.count_nonzero(S)
m.compress([True, False], S)
m.choose(S > 0, [x, -x])
m.linalg.norm(S)
m.bincount(pd.Series(k))
m.digitize(S, t)
m.tile(S, 2)
m.outer(S, x)
m.concatenate([D, A])
m.real(S)
m.fix(S)
m.sum(pd.Series(x > 0))
m.add(D, 1, out=None)
m.gradient(S)
m.convolve(S, x)
m.roll(S, 1)
m.append(S, x)
""".strip().split("\n")


@pytest.mark.parametrize("text", PANDAS)
def test_pandas(text):
    pd = pytest.importorskip("pandas")
    libraries = {"pd": pd}
    compare(f"(lambda S, D: {text})(pd.Series(x), pd.DataFrame(A))", libraries)


def test_pandas_and_back():
    pandas = pytest.importorskip("pandas")
    x = np.arange(12.0).reshape(4, 3)
    frame = pandas.DataFrame(x, columns=list("abc"))
    frame["d"] = x[:, 0] * 2
    assert frame["d"].tolist() == [0, 6, 12, 18]
    x[0, 0] = 5  # a frame has values of its own
    assert frame["a"].tolist() == [0, 3, 6, 9]
    assert_same(np.asarray(frame[["a", "b"]]), numpy.asarray(frame[["a", "b"]]))
    assert type(np.array(frame["a"])) is np.ndarray and type(np.asarray(frame) + x[:, :1]) is np.ndarray


def test_matplotlib():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    def picture(m):
        figure, ((a, b), (c, d)) = pyplot.subplots(2, 2)
        x = m.linspace(0, 6, 50)
        (line,) = a.plot(x, m.sin(x))
        assert line.get_ydata().tolist() == m.sin(x).tolist()
        a.fill_between(x, m.sin(x), 0, where=m.sin(x) > 0)
        a.errorbar(x[::10], m.cos(x[::10]), yerr=m.full(5, 0.1))
        a.axhline(m.cos(x).mean())
        a.set_xlim(x.min(), x.max())
        b.imshow(m.outer(x, x))
        counts, edges, _ = c.hist(m.sin(x), bins=m.linspace(-1, 1, 5))
        assert counts.sum() == 50 and len(edges) == 5
        grid = m.meshgrid(x[:6], x[:6])
        d.contour(*grid, grid[0] * grid[1])
        d.pcolormesh(*grid, grid[0] + grid[1])
        d.scatter(x, m.cos(x), c=x, s=m.ones(50))
        d.bar(m.arange(3), m.arange(3.0))
        file = io.BytesIO()
        figure.savefig(file, format="raw")
        pyplot.close(figure)
        return file.getvalue()

    assert picture(np) == picture(numpy)


def test_torch():
    torch = pytest.importorskip("torch")
    x = np.arange(6.0).reshape(2, 3)
    lent = torch.from_dlpack(x)
    assert lent.tolist() == x.tolist() and torch.as_tensor(numpy.array(x)).sum() == 15
    expected = x.tolist()
    del x
    assert lent.tolist() == expected  # it lives as long as it is used
    assert_same(np.from_dlpack(torch.arange(4)), numpy.arange(4))
    assert_same(np.asarray(torch.ones(3)), numpy.ones(3, "f4"))
