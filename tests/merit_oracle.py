"""RELION's figure of merit written down plainly in numpy, float64: what the engines must give.

One reference, one angle after the other, at full size; every quantity by its definition.
"""

import numpy as np

from cryopick.ops.ctf import ctf_image


def disc(n, radius):
    y, x = np.indices((n, n)) - n // 2
    return x**2 + y**2 < radius**2


def standardised(pixels, *, outlier_sd=8.0):
    values = (pixels - pixels.mean()) / pixels.std()
    values[np.abs(values) > outlier_sd] = 0
    return values


def padded_to_square(values, *, seed=0):
    y, x = values.shape
    size = max(y, x)
    rng = np.random.default_rng(seed)
    out = np.zeros((size, size))
    out[:y, :x] = values
    out[y:] = rng.standard_normal((size - y, size), dtype=np.float32)
    out[:y, x:] = rng.standard_normal((y, size - x), dtype=np.float32)
    return out


def frequencies(shape):
    return np.meshgrid(np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1]), indexing="ij")


def high_passed(values, limit_px):
    """Soft edge two Fourier pixels wide around ``limit_px``, a wave length in pixels."""
    ky, kx = frequencies(values.shape)
    radius, edge = np.hypot(ky, kx) * max(values.shape), max(values.shape) / limit_px
    rise = np.clip((radius - edge) / 2 + 0.5, 0, 1)
    weight = (1 - np.cos(np.pi * rise)) / 2
    return np.fft.irfft2(np.fft.rfft2(values) * weight, s=values.shape)


def correlation(values, small):
    """Sum of ``values(x + t) small(t)`` for every x; ``small`` has its centre at ``n // 2``."""
    n = len(small)
    large = np.zeros(values.shape)
    large[:n, :n] = small
    large = np.roll(large, (-(n // 2), -(n // 2)), (0, 1))
    return np.fft.irfft2(np.conj(np.fft.rfft2(large)) * np.fft.rfft2(values), s=values.shape)


def background(values, ring):
    mean = correlation(values, ring) / ring.sum()
    variance = correlation(values**2, ring) / ring.sum() - mean**2
    return mean, np.sqrt(np.where(variance <= 1e-10, 1.0, variance))


def turned_transform(image, shape, psi_deg, *, limit):
    """Fourier sums over the pixels of an image turned by -psi from x to y, up to ``limit`` per px."""
    n = len(image)
    ky, kx = frequencies(shape)
    chosen = (np.hypot(ky, kx) <= limit) & (np.hypot(ky, kx) < 0.5)
    psi = np.deg2rad(psi_deg)
    u = np.cos(psi) * kx[chosen] - np.sin(psi) * ky[chosen]
    v = np.sin(psi) * kx[chosen] + np.cos(psi) * ky[chosen]
    place = np.arange(n) - n // 2
    over_x = np.exp(-2j * np.pi * np.outer(u, place)) @ image.T
    out = np.zeros(kx.shape, complex)
    out[chosen] = (over_x * np.exp(-2j * np.pi * np.outer(v, place))).sum(1)
    return out


def imaging(shape, settings, pixel, optics, defocus):
    """CTF and contrast, as they act on a bright particle."""
    factor = np.ones((shape[0], shape[1] // 2 + 1))
    if settings.ctf == "full":
        factor = -ctf_image(shape, pixel, optics=optics, defocus=defocus).astype(float)
    same = settings.reference_contrast == settings.particle_contrast
    return factor if same else -factor


def merits(pixels, images, radius, settings, *, pixel, optics=None, defocus=None):
    """Merit ``(K, y, x)`` and psi ``(K, y, x)``; references are in micrograph pixels."""
    y, x = pixels.shape
    values = padded_to_square(
        standardised(pixels.astype(float), outlier_sd=settings.outlier_sd), seed=settings.seed
    )
    if settings.high_pass_angstrom is not None:
        values = high_passed(values, settings.high_pass_angstrom / pixel)
    shape, n = values.shape, images.shape[1]
    circle = disc(n, radius)
    mean, sd = background(values, ~circle)
    spectrum = np.fft.rfft2(values)
    seen = imaging(shape, settings, pixel, optics, defocus)
    limit = np.inf if settings.low_pass_angstrom is None else pixel / settings.low_pass_angstrom
    noise = np.random.default_rng(settings.seed).standard_normal(int(circle.sum()))
    step = 360 / round(360 / settings.angular_step_deg)
    angles = np.arange(round(360 / step)) * step
    merit = np.full((len(images), *shape), -np.inf)
    best = np.zeros((len(images), *shape))
    for r, image in enumerate(images):
        masked = np.where(circle, image, 0).astype(float)
        for psi in angles:
            transform = turned_transform(masked, shape, psi, limit=limit) * seen
            if psi == 0:
                shown = np.fft.irfft2(transform, s=shape)
                inside = np.roll(shown, (n // 2, n // 2), (0, 1))[:n, :n][circle]
                a1, a2 = inside.mean(), np.mean(inside**2)
                expected = np.exp(np.mean(inside**2 + 2 * inside * noise) / 2)
            c = np.fft.irfft2(np.conj(transform) * spectrum, s=shape) / circle.sum()
            m = (c - mean * a1) / sd - a2 / 2
            value = np.expm1(m) / (expected - 1)
            best[r][value > merit[r]] = psi
            merit[r] = np.maximum(merit[r], value)
    psi = np.where(best > 180, best - 360, best)
    return merit[:, :y, :x], psi[:, :y, :x]
