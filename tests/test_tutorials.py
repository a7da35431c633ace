"""Longer tutorials, run as a reader would."""

import json

from test_docs import WRITTEN, run_page


def test_the_tutorial_of_template_picking_works_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_page(WRITTEN["docs/tutorials/template_picking_2d.md"], capsys) >= 15

    def score(name, what):
        return json.loads((tmp_path / name / "summary.json").read_text("utf-8"))[what]

    # References of the first classes find what the blobs missed, and classes drop what is wrong.
    assert score("first_scores", "f1") > 0.85
    assert score("scores", "f1") > 0.88
    assert score("scores", "recall") > score("first_scores", "recall")
    assert score("scores", "recall") > 0.95
    assert score("good_scores", "precision") > score("scores", "precision") + 0.03
    assert score("good_scores", "precision") > 0.9
    assert score("good_scores", "recall") > 0.85
