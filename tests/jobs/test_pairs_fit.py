"""``pairs fit`` from outside: linked files, geometry, warnings, and errors in one line."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cryopick.errors import CryopickError, InputError, JobError
from cryopick.io.images import write_mrc
from cryopick.io.picks.dialect import Frame
from cryopick.io.picks.registry import read_picks
from cryopick.io.star import read_star
from cryopick.jobs.pairs_fit import JOB, PairsFitParams, plan
from cryopick.jobs.registry import JOBS
from cryopick.run import run_job
from cryopick.run.inline import InlineExecutor
from cryopick.run.job import Outcome
from tilt_pair_set import DIAMETER, TILTS, TiltPairSet, make_tilt_pairs


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TiltPairSet:
    return make_tilt_pairs(tmp_path_factory.mktemp("auto"))


@pytest.fixture(scope="module")
def by_row(tmp_path_factory: pytest.TempPathFactory) -> TiltPairSet:
    return make_tilt_pairs(tmp_path_factory.mktemp("rows"), paired=True)


def params(made: TiltPairSet, **given: Any) -> PairsFitParams:
    settings = {
        "picks_untilted": made.picks("u"),
        "picks_tilted": made.picks("t"),
        "untilted": made.micrographs("u"),
        "tilted": made.micrographs("t"),
        **given,
    }
    return PairsFitParams(**settings)


def run(made: TiltPairSet, out: Path, **given: Any) -> Outcome:
    return run_job(JOB, params(made, **given), out, executor=InlineExecutor(cores=1))


@pytest.fixture(scope="module")
def automatic(made: TiltPairSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("fit") / "out"
    run(made, out, auto=True, particle_diameter_angstrom=DIAMETER)
    return out


def summary_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "summary.json").read_text("utf-8"))


def test_it_is_declared_as_the_table_of_jobs_says() -> None:
    assert JOBS["pairs fit"] == ("cryopick.jobs.pairs_fit", JOB.title)


def test_true_pairs_are_linked(made: TiltPairSet, automatic: Path) -> None:
    frame = Frame(default_grid=made.grid)
    sides = [
        read_picks(automatic / f"pairs_{side}.star", frame).picks for side in ("untilted", "tilted")
    ]
    assert sides[0].extra["cryopickPairId"].tolist() == sides[1].extra["cryopickPairId"].tolist()
    assert len(set(sides[0].extra["cryopickPairId"].tolist())) == len(sides[0])
    right = total = 0
    for pair in made.truth:
        mine = np.asarray(sides[0].image) == pair.untilted.image[0]
        assert set(np.asarray(sides[1].image)[mine].tolist()) == {pair.tilted.image[0]}
        found = np.hstack([side.position_angstrom[mine] for side in sides])
        true = np.hstack(
            [
                pair.untilted.position_angstrom[pair.untilted_row],
                pair.tilted.position_angstrom[pair.tilted_row],
            ]
        )
        apart = np.abs(found[:, None] - true[None]).max(axis=2)
        right += int(np.count_nonzero(apart.min(axis=0) < 0.1))
        total += len(true)
    assert right / total >= 0.95


def test_geometry_is_written_down(automatic: Path) -> None:
    pairs = json.loads((automatic / "pairs.json").read_text("utf-8"))["pairs"]
    for each, tilt in zip(pairs, TILTS, strict=True):
        assert each["fit"]["tilt_deg"] == pytest.approx(tilt, abs=1)
        assert each["fit"]["scale"] == pytest.approx(1, abs=0.02)
        assert each["fit"]["rms_residual_angstrom"] < 20
        assert each["warnings"] == []
        assert each["pairs"] > 3 * each["expected_by_chance"]
    summary = summary_of(automatic)
    assert summary["axis_deg"]["tilted"] == pytest.approx(92.5, abs=2)
    assert summary["pairs"] == sum(each["pairs"] for each in pairs)
    assert "tilts 4" in summary["sentence"]


def test_nobody_is_lost(made: TiltPairSet, automatic: Path) -> None:
    for side, letter in (("untilted", "u"), ("tilted", "t")):
        n_left = len(read_star(automatic / f"discarded_{side}.star").blocks[0])
        n = len(read_star(automatic / f"pairs_{side}.star").blocks[0])
        assert n + n_left == len(read_star(made.picks(letter)).blocks[0])
        block = read_star(automatic / f"discarded_{side}.star").blocks[0]
        assert set(block.text("cryopickReason").tolist()) == {"no partner"}


def test_next_command_and_pictures(automatic: Path) -> None:
    summary = summary_of(automatic)
    words = shlex.split(summary["next_command"])
    assert words[:4] == ["cryopick", "extract", "pairs", str(automatic)]
    assert words[words.index("--box") + 1] == "34"
    assert len(summary["plots"]) == 2
    assert all((automatic / plot["file"]).stat().st_size > 10_000 for plot in summary["plots"])
    assert (automatic / "report.html").is_file()


def test_same_result_again(made: TiltPairSet, automatic: Path, tmp_path: Path) -> None:
    run(made, tmp_path / "again", auto=True, particle_diameter_angstrom=DIAMETER)
    for name in ("pairs_untilted.star", "pairs_tilted.star", "pairs.json"):
        assert (tmp_path / "again" / name).read_bytes() == (automatic / name).read_bytes()


def test_rows_are_taken_as_pairs(by_row: TiltPairSet, tmp_path: Path) -> None:
    outcome = run(by_row, tmp_path / "out")
    assert outcome.summary["pairs"] == sum(len(pair.untilted_row) for pair in by_row.truth)
    tilts = list(outcome.summary["tilt_deg"].values())
    np.testing.assert_allclose(tilts, TILTS, atol=1)
    assert outcome.warnings == []
    assert outcome.next_command == ""  # no diameter, no box
    assert not (tmp_path / "out" / "discarded_tilted.star").exists()


def test_wrong_rows_are_warned_of(by_row: TiltPairSet, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed.star"
    lines = Path(by_row.picks("t")).read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if ".mrc" in line)
    lines[first], lines[first + 4] = lines[first + 4], lines[first]
    mixed.write_text("\n".join(lines) + "\n")
    outcome = run(
        by_row, tmp_path / "out", picks_tilted=str(mixed), particle_diameter_angstrom=DIAMETER
    )
    assert any("2 of" in line and "--drop-outliers" in line for line in outcome.warnings)


def test_micrographs_of_other_places_fail_by_name(
    made: TiltPairSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cryopick.combine.pair_matching._EFFORTS", ((200_000, 30),))
    swapped = {"tilted": made.micrographs("t")[::-1]}
    with pytest.raises(JobError, match="2 of 2 items failed: mic0_u, mic1_u"):
        run(made, tmp_path / "out", auto=True, particle_diameter_angstrom=DIAMETER, **swapped)
    failed = summary_of(tmp_path / "out")["failed"]
    assert all("could not be paired" in why for why in failed.values())


def test_micrograph_without_picks_is_left_out_with_its_partner(
    by_row: TiltPairSet, tmp_path: Path
) -> None:
    some = tmp_path / "some.star"
    lines = Path(by_row.picks("t")).read_text().splitlines()
    some.write_text("\n".join(line for line in lines if "mic1_t" not in line) + "\n")
    outcome = run(by_row, tmp_path / "out", picks_tilted=str(some))
    assert outcome.summary["micrograph_pairs"] == 1
    assert "mic1_u and mic1_t left out: one of them has no picks" in outcome.warnings
    assert "mic1" not in (tmp_path / "out" / "pairs_untilted.star").read_text()


def test_no_picks_in_common_are_refused(by_row: TiltPairSet, tmp_path: Path) -> None:
    sides = []
    for letter, gone in (("u", "mic0_u"), ("t", "mic1_t")):
        path = tmp_path / f"{letter}.star"
        lines = Path(by_row.picks(letter)).read_text().splitlines()
        path.write_text("\n".join(line for line in lines if gone not in line) + "\n")
        sides.append(str(path))
    with pytest.raises(InputError, match="no pair of micrographs has picks on both sides"):
        plan(params(by_row, picks_untilted=sides[0], picks_tilted=sides[1]))


def test_xmipp_folder_and_list(by_row: TiltPairSet, tmp_path: Path) -> None:
    from cryopick.io.picks.registry import write_picks

    frame = Frame(default_grid=by_row.grid)
    rows = []
    for pair, u, t in zip(
        by_row.truth, by_row.micrographs("u"), by_row.micrographs("t"), strict=True
    ):
        rows.append(f" {u} {t}")
        for picks, chosen in ((pair.untilted, pair.untilted_row), (pair.tilted, pair.tilted_row)):
            own = picks[chosen]
            write_picks(own, tmp_path / f"{own.image[0]}.pos", frame, name="xmipp-pos")
    head = "# XMIPP_STAR_1 *\ndata_noname\nloop_\n _micrograph\n _micrographTilted\n"
    (tmp_path / "tilted_pairs.xmd").write_text(head + "\n".join(rows) + "\n")
    outcome = run_job(
        JOB,
        PairsFitParams(
            picks_untilted=str(tmp_path),
            picks_tilted=str(tmp_path),
            pairs=str(tmp_path / "tilted_pairs.xmd"),
        ),
        tmp_path / "out",
        executor=InlineExecutor(cores=1),
    )
    np.testing.assert_allclose(list(outcome.summary["tilt_deg"].values()), TILTS, atol=1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"auto": True}, "--particle-diameter or --tolerance"),
        ({"tilt_min_deg": 80.0}, "--tilt-min 80"),
        ({"picks_tilted": "nowhere.star"}, "nowhere.star"),
        ({"untilted": []}, "name the micrographs of both sides"),
    ],
)
def test_wrong_input_stops_at_once(made: TiltPairSet, given: dict[str, Any], message: str) -> None:
    with pytest.raises(CryopickError, match=message) as caught:
        plan(params(made, **given))
    assert "\n" not in str(caught.value)


def test_volumes_are_refused(made: TiltPairSet, tmp_path: Path) -> None:
    write_mrc(tmp_path / "vol.mrc", np.zeros((8, 8, 8), np.float32), 2.0)
    both = {"untilted": [str(tmp_path / "vol.mrc")], "tilted": made.micrographs("t")[:1]}
    with pytest.raises(InputError, match="is a volume"):
        plan(params(made, **both))


def test_plan_is_one_item_per_pair(made: TiltPairSet) -> None:
    items = plan(params(made, auto=True, particle_diameter_angstrom=DIAMETER))
    assert [item.id for item in items] == ["mic0_u", "mic1_u"]
    assert all(item.inputs["tolerance_angstrom"] == pytest.approx(60) for item in items)
    quick = plan(params(made))
    assert quick[0].cost.seconds < items[0].cost.seconds


def test_from_images_alone(made: TiltPairSet, tmp_path: Path) -> None:
    """Pick both sides without a reference, pair the picks, find the tilt."""
    from cryopick.jobs.pick_log import JOB as PICK
    from cryopick.jobs.pick_log import PickLogParams

    given: dict[str, Any] = {}
    for side, letter in (("untilted", "u"), ("tilted", "t")):
        pick = PickLogParams(
            images=made.micrographs(letter),
            diameter_min_angstrom=140,
            diameter_max_angstrom=200,
            save_scores=False,
        )
        run_job(PICK, pick, tmp_path / side, executor=InlineExecutor(cores=1))
        given[f"picks_{side}"] = str(tmp_path / side / "picks.star")
    outcome = run(made, tmp_path / "out", auto=True, particle_diameter_angstrom=DIAMETER, **given)
    np.testing.assert_allclose(list(outcome.summary["tilt_deg"].values()), TILTS, atol=1.5)
    assert outcome.summary["pairs"] >= 0.8 * sum(len(pair.untilted_row) for pair in made.truth)
