"""TensorBoard's own reader reads what a run writes for it. 77 where the package is not installed;
ALLMODES_REFERENCE_PYTHON names the interpreter that has it.

    python3 read_event_files.py

Trains a small model with $ALLMODES_BINARY and compares tags and values with records.jsonl.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

other = os.environ.pop("ALLMODES_REFERENCE_PYTHON", None)
if other:
    os.execv(other, [other, *sys.argv])
try:
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.plugins.hparams import plugin_data_pb2
except ImportError:
    print("skipped: the package tensorboard is not installed")
    sys.exit(77)

CONFIG = """
name: "ring"
batch: 64
steps: 60
data { dataset: "ring" modes: 8 radius: 2 std: 0.05 samples: 4000 }
gan {
  latent { dimension: 16 }
  generator { width: 32 depth: 2 }
  discriminator { width: 32 depth: 2 }
}
diagnostics { log_every: 10 evaluate_every: 30 samples: 200 }
checkpoints { every: 30 }
images { every: 30 count: 16 }
"""


def main():
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder, "ring.txtpb")
        config.write_text(CONFIG)
        subprocess.run([os.environ["ALLMODES_BINARY"], "train", config, "--out", f"{folder}/runs",
                        "--quiet"], check=True, stdout=subprocess.DEVNULL)
        run = pathlib.Path(folder, "runs/00000-ring")
        everything = {kind: 0 for kind in ("scalars", "histograms", "images", "tensors")}
        read = event_accumulator.EventAccumulator(str(run / "tensorboard"), everything)
        read.Reload()
        records = [json.loads(line) for line in (run / "records.jsonl").open()]
        tags = read.Tags()
        assert "loss/generator" in tags["scalars"] and "loss/discriminator" in tags["scalars"], tags
        wanted = [(r["step"], r["loss_generator"]) for r in records if r["record"] == "train"]
        got = [(s.step, s.value) for s in read.Scalars("loss/generator")]
        assert len(got) == len(wanted) == 6, (got, wanted)
        for (step, value), (want_step, want) in zip(got, wanted):
            assert step == want_step and math.isclose(value, want, rel_tol=1e-6), (got, wanted)
        evaluations = [r for r in records if r["record"] == "evaluation"]
        histograms = read.Histograms("evaluation/histogram")
        assert [h.step for h in histograms] == [r["step"] for r in evaluations]
        assert histograms[-1].histogram_value.num == sum(evaluations[-1]["histogram"])
        texts = [t for t in tags["tensors"] if t in ("configuration", "verdict")]
        assert sorted(texts) == ["configuration", "verdict"], tags["tensors"]
        text = read.Tensors("verdict")[-1].tensor_proto.string_val[0].decode()
        assert text.split(":")[0] in ("healthy", "at_risk", "collapsed"), text
        content = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        settings = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
        assert settings["steps"].number_value == 60, settings
        assert settings["gan.loss"].string_value == "non_saturating", settings
        assert settings["gan.generator.width"].number_value == 32, settings
        for name in ("watchdog.limit_s", "batch"):
            assert name not in settings, f"{name} is at its default, which tells nothing"
        pictures = event_accumulator.EventAccumulator(str(run / "tensorboard/pictures"), everything)
        pictures.Reload()
        fakes = pictures.Images("fakes")
        assert [p.step for p in fakes] == [0, 30, 60], fakes
        png = (run / "images/fakes-00000060.png").read_bytes()
        assert fakes[-1].encoded_image_string == png and fakes[-1].width > 0
        subprocess.run([os.environ["ALLMODES_BINARY"], "train", config, "--out", f"{folder}/runs",
                        "--quiet", "--steps", "10", "--set", "records.tensorboard=false"],
                       check=True, stdout=subprocess.DEVNULL)
        run = pathlib.Path(folder, "runs/00001-ring")
        assert (run / "records.jsonl").is_file() and not (run / "tensorboard").exists()
    print("TensorBoard reads scalars, histograms, texts, settings and pictures as they were written")


main()
