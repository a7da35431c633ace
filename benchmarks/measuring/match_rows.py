"""Rows of the README's table that tell of template matching in tomograms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Results = Mapping[str, Any]
Row = tuple[str, str]


def peer_rows(found: Results) -> Iterator[Row]:
    """Beside pyTME: time, then accuracy on each tomogram."""
    if "times_faster" in found:
        mine = found["tomograms"]["tomoL"]["cryopick"]
        n = found["rotations_compared"]
        yield (
            f"`match` of a tomogram of 200 x 480 x 480, {n:,} rotations, the whole command",
            f"{mine['cpu_s']['median']:.0f} s of the processor, {mine['wall_s']['median']:.0f} s; "
            f"pyTME {found['pytme_version']}, extrapolated: "
            f"{found['pytme_time'][f'cpu_s_for_{n}']:,.0f} s, one process "
            f"({found['times_faster']['cpu']:g} times as much)",
        )
    for name, rows in found["tomograms"].items():
        cells = [f"{program} {_share(row['precision_at_n'])}" for program, row in rows.items()]
        angle = rows["cryopick"]["angle_error_deg"]
        turned = "" if angle is None else f" (median angular error {angle:.1f}°)"
        yield (
            f"the same, {name}: precision = recall of the best {rows['cryopick']['truth']} picks",
            "; ".join(cells) + turned,
        )


def species_rows(found: Results) -> Iterator[Row]:
    for species, row in found["species"].items():
        cells = [
            f"{program} {_share(figures['average_precision'])}"
            for program, figures in row["programs"].items()
        ]
        yield (
            f"`match`, average precision, {row['targets']} of {species} among six other species",
            ", ".join(cells),
        )


def bank_rows(found: Results) -> Iterator[Row]:
    bank, exact = found["engines"]["bank"], found["engines"]["exact"]
    x, y, z = found["size_px"]
    yield (
        f"`match --engine bank` beside `exact`, {z} x {y} x {x}, crowded, "
        f"{found['angular_step_deg']:g}° steps",
        f"average precision {_share(bank['average_precision'])} and "
        f"{_share(exact['average_precision'])}; {bank['cpu_s']['median']:,.0f} s and "
        f"{exact['cpu_s']['median']:,.0f} s of the processor",
    )


def kill_rows(found: Results) -> Iterator[Row]:
    for engine, row in found["engines"].items():
        n = len(row["differing_files"])
        second = len(row["differing_files_of_second_run"])
        yield (
            f"`kill -9` {sum(row['kills'].values())} times in a search by `{engine}`, then `resume`",
            ("same result, bit for bit" if n == 0 else f"{n} files differ")
            + ("" if second == 0 else f"; two undisturbed runs differ in {second} files"),
        )


def large_rows(found: Results) -> Iterator[Row]:
    z, y, x = found["shape_zyx"]
    where = "" if found["device"] == "cpu" else f" on {found['device']}"
    for engine, row in found["engines"].items():
        yield (
            f"`match --engine {engine}`{where} of {x} x {y} x {z}, "
            f"{found['angular_step_deg']:g}° steps",
            f"{row['wall_s']:,.0f} s ({row['cpu_s']:,.0f} s of the processor), "
            f"{row['peak_private_gb']:.1f} GB; `--dry-run` said {row['forecast_s']:,.0f} s, "
            f"{row['forecast_gb']:.1f} GB",
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
