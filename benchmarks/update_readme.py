"""Fill the table of benchmarks in README.md from results/*.json.

    python benchmarks/update_readme.py [--check]

Writes what lies between ``<!-- benchmarks -->`` and ``<!-- /benchmarks -->``; rows whose results are
not there are left out. ``--check`` writes nothing and exits with 1 if the README is out of date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cryopick.io.atomic import write_text
from measuring import match_rows, pick_rows
from measuring.result_file import BENCHMARKS, RESULTS

README = BENCHMARKS.parent / "README.md"
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
Results = Mapping[str, Any]
Row = tuple[str, str]
SETS = {
    "apoferritin": "real apoferritin micrographs, 1240 x 1200",
    "bgal": "real β-galactosidase micrographs, 4096 x 4096",
    "simulated": "simulated apoferritin micrographs, 2048 x 2048",
    "tomogram": "simulated tomogram, 256 x 256 x 128, ribosomes",
}


def accuracy_rows(found: Results) -> Iterator[Row]:
    """F1 of each picker on each set of images, and seconds per image."""
    for name, title in SETS.items():
        images = found["sets"].get(name)
        if images is None:
            continue
        cells: list[str] = []
        for picker, row in images["pickers"].items():
            near, far = (row[f"at_{share}_diameter"]["f1"] for share in ("0.25", "0.5"))
            seconds = row["cpu_s_per_image"]["median"]
            cells.append(f"{picker} {near:.3f} / {far:.3f}, {seconds:.2g} s")
        yield (
            f"`pick log`: F1 within 0.25 / 0.5 diameter and processor seconds per image, {images['images']} {title}",
            "; ".join(cells),
        )


def pair_rows(found: Results) -> Iterator[Row]:
    """True pairs found at each tilt that was asked for."""
    rows = [found["cases"][case] for case in found["asked"]]
    cells = [
        f"{case} {row['recall']['mean']:.3f} (least {row['recall']['least']:.3f}), tilt within "
        f"{row['tilt_off_deg']['most']:.2f}°"
        for case, row in zip(found["asked"], rows, strict=True)
    ]
    yield (
        f"`pairs fit --auto`: true pairs found in {rows[0]['pairs_of_micrographs']} simulated tilt "
        "pairs each, 20 % of the picks missing and 20 % false on each side",
        "; ".join(cells),
    )


def command_rows(found: Results) -> Iterator[Row]:
    yield (
        "`cryopick --help`",
        f"{found['help_s']['median']:.2f} s ({found['help_cpu_s']['median']:.2f} s of the processor)",
    )
    yield (
        f"`cryopick info` on an MRC of {found['info_file_gb']:.1f} GB",
        f"{found['info_s']['median']:.2f} s ({found['info_cpu_s']['median']:.2f} s of the processor), "
        f"{found['info_peak_rss_mb']['median']:.0f} MB",
    )


def fuzz_rows(found: Results) -> Iterator[Row]:
    yield (
        f"{found['files']:,} damaged files given to every reader",
        f"{len(found['failures'])} not refused in one clear line; at most {found['peak_mb']} MB",
    )


def kill_rows(found: Results) -> Iterator[Row]:
    job, edits = found["job"], found["edits"]
    n = sum(job["kills"].values())
    verdict = "same results" if job["equal"] else f"{len(job['differing_files'])} files differ"
    yield f"`kill -9` {n} times in a job of {job['images']} micrographs, then `resume`", verdict
    yield (
        f"`kill -9` {sum(e['kills'] for e in edits.values())} times while editing",
        f"{sum(e['lost'] for e in edits.values())} of "
        f"{sum(e['acknowledged'] for e in edits.values()):,} acknowledged edits lost",
    )


def memory_rows(found: Results) -> Iterator[Row]:
    for name, row in found["commands"].items():
        yield (
            f"`{name}` of a tomogram of {found['volume_gb']:.1f} GB, one core",
            f"{row['seconds']['median']:.0f} s ({row['cpu_seconds']['median']:.0f} s of the processor), "
            f"{row['peak_private_gb']['median']:.1f} GB",
        )


def store_rows(found: Results) -> Iterator[Row]:
    for journal, row in found["journals"].items():
        yield (
            f"project of {found['picks']:,} picks, journal for {journal} disks",
            f"import {row['import_s']:.1f} s, one image {row['read_image_ms']:.1f} ms, "
            f"{row['edits_per_s']:.0f} edits/s",
        )


def simulate_rows(found: Results) -> Iterator[Row]:
    titles = {
        "micrograph": "simulate a micrograph of 4096 x 4096 with {n} particles",
        "tomogram": "simulate a tomogram of 180 x 400 x 400 from 41 tilts, {n} particles",
    }
    for row in found["rows"]:
        if row["sitting"] == "first":
            title = titles[row["case"]].format(n=row["particles"])
            yield (
                f"{title}, {found['threads']} threads",
                f"{row['seconds']:.1f} s ({row['cpu_seconds']:.1f} s of the processor)",
            )


def star_rows(found: Results) -> Iterator[Row]:
    for verb in ("write", "read"):
        who = ("cryopick", "starfile")
        ours, theirs = (found[f"{name}_{verb}_s"]["median"] for name in who)
        our_cpu, their_cpu = (found[f"{name}_{verb}_cpu_s"]["median"] for name in who)
        version = found["starfile_version"]
        yield (
            f"{verb} a STAR file of {found['rows']:,} particles",
            f"{ours:.1f} s, {our_cpu:.1f} s of the processor "
            f"(starfile {version}: {theirs:.1f} s, {their_cpu:.1f} s)",
        )


SECTIONS: dict[str, Callable[[Results], Iterator[Row]]] = {
    "pick_log_accuracy": accuracy_rows,
    "pick_template_speed": pick_rows.template_rows,
    "pick_template_real": pick_rows.real_rows,
    "merit_against_relion": pick_rows.merit_rows,
    "extract_speed": pick_rows.extract_rows,
    "classify_speed": pick_rows.classify_rows,
    "match_against_pytme": match_rows.peer_rows,
    "match_species": match_rows.species_rows,
    "match_bank_exact": match_rows.bank_rows,
    "match_large": match_rows.large_rows,
    "match_large_gpu": match_rows.large_rows,
    "match_kill": match_rows.kill_rows,
    "tilt_pairs": pair_rows,
    "simulate_speed": simulate_rows,
    "memory_tomogram": memory_rows,
    "star_speed": star_rows,
    "project_store": store_rows,
    "command_speed": command_rows,
    "kill_resume": kill_rows,
    "fuzz_readers": fuzz_rows,
}


def load_results(folder: Path) -> dict[str, Results]:
    """Results by the name of their benchmark."""
    return {
        path.stem: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))
    }


def table(results: Mapping[str, Results]) -> str:
    """Markdown: one row per figure, then where and when they were measured."""
    lines = ["| what | measured |", "|---|---|"]
    shown: list[Results] = []
    for name, rows_of in SECTIONS.items():
        if name in results:
            lines += [f"| {what} | {figure} |" for what, figure in rows_of(results[name])]
            shown.append(results[name])
    if not shown:
        return "No results yet: `make bench` makes them.\n"
    return "\n".join([*lines, "", *notes(shown)]) + "\n"


def notes(shown: list[Results]) -> list[str]:
    """Machines, days and versions behind the figures."""
    machines = {describe(found["machine"]) for found in shown}
    days = sorted({found["date"][:10] for found in shown})
    relion = {found["relion_version"] for found in shown if "relion_version" in found}
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    loads = [found["machine"].get("load_1_min", 0) for found in shown]
    words = [
        f"Measured on {'; '.join(sorted(machines))}, {when}; medians where runs were repeated."
    ]
    if max(loads) > 1:
        words.append(
            f"The machine was shared (load up to {max(loads):g}): wall times are too long, the "
            "processor's seconds are not."
        )
    if relion:
        words.append(
            f"RELION {', '.join(sorted(relion))} ran in turns with cryopick, on one core each, "
            "with the same diameters and its interface's defaults."
        )
    if relion:
        words.append(
            "The defaults of `pick log` were chosen while looking at both real sets: their figures "
            "flatter it, and none is held out. RELION's picks of the apoferritin images share a "
            "shift of several Å; with it taken out, its F1 within a quarter is "
            "`f1_without_common_shift` in the results."
        )
    return [" ".join(words), "All figures, with their spread: `benchmarks/results/`."]


def describe(machine: Mapping[str, Any]) -> str:
    """One machine in words.

    Examples
    --------
    >>> describe({"cores": 2, "processor": "X", "amx": True, "memory_gib": 8.0})
    '2 cores of X (AMX), 8 GiB, no GPU used'
    """
    amx = " (AMX)" if machine["amx"] else ""
    memory = f"{machine['memory_gib']:.0f} GiB" if machine["memory_gib"] else "memory unknown"
    return f"{machine['cores']} cores of {machine['processor']}{amx}, {memory}, no GPU used"


def filled(readme: str, body: str) -> str:
    """The README with ``body`` between its two marks.

    Examples
    --------
    >>> filled("a <!-- benchmarks -->old<!-- /benchmarks --> b", "new")
    'a <!-- benchmarks -->\\nnew<!-- /benchmarks --> b'
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md: expected {BEGIN} and {END}, each once; add them")
    return f"{before}{BEGIN}\n{body}{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    old = README.read_text("utf-8")
    new = filled(old, table(load_results(RESULTS)))
    if given.check:
        print("README.md is up to date" if old == new else "README.md is out of date")
        return int(old != new)
    if old != new:
        write_text(README, new)
    print("README.md: the table of benchmarks is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
