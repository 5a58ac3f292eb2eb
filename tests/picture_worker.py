"""Enlarges files in a process of its own, one named a line on stdin, and answers each with a line of JSON: what was said and
done, the memory it took beyond what it had before, and the processor's seconds."""

import contextlib
import io
import json
import os
import re
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numpy as np
from PIL import Image

from picture_zoo import difference, expected
from srgan_hub.cli import main


def memory(kind: str) -> float:
    """VmRSS, or VmHWM, its highest since `forget`; MB."""
    return int(re.search(rf"{kind}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def forget() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def enlarge(path: str, model: str, out: Path) -> dict:
    said, told = io.StringIO(), io.StringIO()
    target = out / "result.tif"
    before, begun = memory("VmRSS"), time.process_time()
    forget()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(told):
        try:
            status = main(["upscale", path, "-o", str(target), "--model", model, "--precision", "fp32"])
        except BaseException:
            status = traceback.format_exc()
    answer = {"status": status, "said": said.getvalue(), "left": sorted(os.listdir(out))}
    answer |= {"megabytes": memory("VmHWM") - before, "seconds": time.process_time() - begun}
    if target.exists():
        with Image.open(target) as result, Image.open(path) as source:
            source.load()
            answer["apart"] = float(np.nan_to_num(difference(result, expected(source)), posinf=999))
        target.unlink()
    return answer


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            print(json.dumps(enlarge(json.loads(line), sys.argv[1], Path(folder))), flush=True)
