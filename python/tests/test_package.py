"""The package beside a program that is there: ALLMODES_BINARY."""

import doctest
import json
import warnings

import numpy as np
import pytest

import allmodes
import allmodes.run
from allmodes.program import run_program


def ring(count, modes, seed, of=8):
    random = np.random.default_rng(seed)
    angle = 2 * np.pi * random.integers(0, modes, count) / of
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (centres + random.normal(0, 0.05, (count, 2))).astype(np.float32)


def test_doctests_hold():
    assert doctest.testmod(allmodes.run).failed == 0


def test_equal_distributions_are_healthy_and_lost_modes_are_not():
    reals = ring(3000, 8, 1)
    assert allmodes.diagnose(reals, ring(3000, 8, 2)).state == "healthy"
    lost = allmodes.diagnose(reals, ring(3000, 5, 3))
    assert lost.state != "healthy" and not lost
    assert lost.figures["recall"] < 0.9
    assert lost.state in lost._repr_html_()


def test_half_precision_and_paths_are_taken(tmp_path):
    reals = ring(1000, 8, 1)
    np.save(tmp_path / "reals.npy", reals)
    found = allmodes.diagnose(tmp_path / "reals.npy", ring(1000, 8, 2).astype(np.float16),
                              out=tmp_path / "out")
    assert found.folder == tmp_path / "out"
    assert json.loads((tmp_path / "out/diagnosis.json").read_text())["state"] == found.state


def test_a_refusal_raises_with_the_programs_words(tmp_path):
    with pytest.raises(allmodes.ProgramError) as refused:
        allmodes.diagnose(tmp_path / "none.npy", ring(100, 8, 1))
    assert refused.value.code == 66 and "none.npy" in refused.value.message


def test_the_callback_stops_a_collapsed_loop():
    reals = ring(2000, 8, 1)
    watch = allmodes.DiagnoseCallback(reals, lambda: ring(2000, 1, 2), every=2, on_collapse="stop")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert watch.step(0) is None
        found = watch.step(1)
    assert found.state == "collapsed" and watch.should_stop
    assert any(issubclass(each.category, allmodes.AtRisk) for each in said)
    loud = allmodes.DiagnoseCallback(reals, lambda: ring(2000, 1, 2), on_collapse="raise")
    with pytest.raises(allmodes.Collapsed):
        loud.step(0)


def test_a_runs_verdicts_are_those_that_it_said(tmp_path):
    (tmp_path / "ring.txtpb").write_text(
        'name: "ring" batch: 64 steps: 40 data { dataset: "ring" modes: 8 samples: 4000 } gan { latent { dimension: 8 } '
        'generator { width: 16 depth: 1 } discriminator { width: 16 depth: 1 } } '
        'diagnostics { log_every: 10 evaluate_every: 20 samples: 200 } images { every: 1000 }')
    run_program(["train", str(tmp_path / "ring.txtpb"), "--quiet", "--out", str(tmp_path / "runs")])
    run = allmodes.read(tmp_path / "runs/00000-ring")
    assert run.columns("train")["step"].tolist() == [10, 20, 30, 40]
    assert [step for step, _, _ in run.states()] == [20, 40]
    assert run.states()[-1][1:] == (run.verdict["state"], run.verdict["kind"])
    assert run.verdict["state"] in repr(run)


def test_a_line_that_is_still_being_written_is_left_out(tmp_path):
    (tmp_path / "records.jsonl").write_text('{"record":"train","step":1}\n{"record":"tr')
    assert len(allmodes.read(tmp_path).records) == 1
    (tmp_path / "records.jsonl").write_text('{"record":"tr\n{"record":"train","step":1}\n')
    with pytest.raises(ValueError, match="records.jsonl:1:"):
        allmodes.read(tmp_path)
