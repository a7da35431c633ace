import json

import numpy as np

from cryopick.cli.main import main
from cryopick.io.images import write_image, write_mrc


def test_facts_in_words(tmp_path, capsys):
    write_mrc(tmp_path / "a.mrc", np.zeros((3, 4, 5), np.float32), 2.5)
    (tmp_path / "b.star").write_text("data_x\nloop_\n_rlnFoo #1\n_rlnBar #2\n1 2\n3 4\n")
    assert main(["info", str(tmp_path / "a.mrc"), str(tmp_path / "b.star")]) == 0
    out = capsys.readouterr().out
    assert "a.mrc: volume, MRC, 5 x 4 x 3, 2.5 Å" in out
    assert "data_x: 2 rows, 2 columns: rlnFoo rlnBar" in out


def test_json_holds_every_file_and_the_errors(tmp_path, capsys):
    write_mrc(tmp_path / "a.mrc", np.zeros((3, 4, 5), np.float32), 2.5)
    (tmp_path / "junk.mrc").write_bytes(b"\x00" * 50)
    assert main(["info", "--json", str(tmp_path / "a.mrc"), str(tmp_path / "junk.mrc")]) == 2
    captured = capsys.readouterr()
    good, bad = json.loads(captured.out)["files"]
    assert good["size_px"] == [5, 4, 3]
    assert "junk.mrc" in bad["error"]
    assert captured.err.count("\n") == 1


def test_a_missing_file_and_no_file(tmp_path, capsys):
    assert main(["info", str(tmp_path / "none")]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["info"]) == 2
    assert "FILE: is missing" in capsys.readouterr().err


def test_warnings_are_shown(tmp_path, capsys):
    write_image(tmp_path / "one.png", np.zeros((4, 5), np.uint8), 1.0, dtype="uint8")
    assert main(["info", str(tmp_path / "one.png")]) == 0
    assert "warning:" in capsys.readouterr().out
