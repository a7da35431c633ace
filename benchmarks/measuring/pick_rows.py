"""Rows of the README's table that tell of micrographs: picking, extraction, 2D classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Results = Mapping[str, Any]
Row = tuple[str, str]


def template_rows(found: Results) -> Iterator[Row]:
    """Time and accuracy of each picker on the synthetic micrographs."""
    cells = [
        f"{title} {row['f1']:.3f} ({row['best_f1']:.3f}), "
        f"{row['cpu_s_per_micrograph']['median']:.2g} s"
        for title, row in found["pickers"].items()
    ]
    if "topaz" in found:
        row = found["topaz"]
        cells.append(
            f"Topaz 0.3.20, pretrained, {row['images']} of them: best {row['best_f1']:.3f}, "
            f"{row['cpu_s_per_micrograph']:.0f} s"
        )
    yield (
        f"picking {found['micrographs']} synthetic micrographs of 4096 x 4096: F1 (at the best "
        "threshold) and processor seconds per micrograph, start of the program included",
        "; ".join(cells),
    )


def real_rows(found: Results) -> Iterator[Row]:
    """F1 on real images with references from our own classes."""
    titles = {"apoferritin": "real apoferritin", "bgal": "real β-galactosidase"}
    for name, row in found["sets"].items():
        cells: list[str] = []
        for title, picker in row["pickers"].items():
            if "picks" in picker:
                near, far = (picker[f"at_{share}_diameter"] for share in ("0.25", "0.5"))
                cells.append(
                    f"{title} {near['f1']:.2f} / {far['f1']:.2f} "
                    f"(best {near['best_f1'] or 0:.2f} / {far['best_f1'] or 0:.2f})"
                )
        yield (
            f"`pick template` with own classes of other micrographs, {titles[name]}, F1 within "
            "0.25 / 0.5 diameter",
            "; ".join(cells),
        )


def merit_rows(found: Results) -> Iterator[Row]:
    """Agreement with RELION's maps."""
    cells = [f"{engine} {row['least_correlation']:.4f}" for engine, row in found["engines"].items()]
    yield (
        f"figure of merit beside RELION {found['relion_version']}: least correlation of the maps "
        "of 8 references",
        ", ".join(cells),
    )


def extract_rows(found: Results) -> Iterator[Row]:
    """Particles per second and equality of pixels."""
    cells = [
        f"{program} {row['wall_s']['median']:.1f} s ({row['cpu_s']['median']:.1f} s of the processor)"
        for program, row in found["programs"].items()
    ]
    if "difference_sd" in found:
        cells.append(f"largest difference of a pixel {found['difference_sd']['largest']:.1g} sd")
    yield (
        f"`extract particles`, {found['particles']:,} from {found['box_px']} to "
        f"{found['rescaled_px']} px, the whole command",
        "; ".join(cells),
    )


def classify_rows(found: Results) -> Iterator[Row]:
    """Time and purity of 2D classes."""
    for size in ("small", "large"):
        row = found[size]
        cells = [
            f"{program} {figures['wall_s']['median']:,.0f} s ({figures['cpu_s']['median']:,.0f} s of "
            f"the processor), spread of views {figures['angular_spread_deg']:.0f}°, adjusted Rand "
            f"index {figures['adjusted_rand_index']:.2f} (at best {figures['ceiling']:.2f})"
            for program, figures in row["programs"].items()
        ]
        yield (
            f"`classify`, {row['particles']:,} particles of 64 px, {row['classes']} classes, "
            f"{row['iterations']} iterations",
            "; ".join(cells),
        )
