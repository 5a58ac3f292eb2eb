import multiprocessing
import resource
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import ROOT, smooth_photo
from srgan_hub import SRGANGenerator, Upscaler
from srgan_hub.hub.load import bundled
from srgan_hub.inference import backends
from srgan_hub.inference.backends import EngineError, choose, open_engine

EXACT = ["pytorch", "openvino"]


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("config", [{"scale": 2}, {"scale": 8}, {"norm": "none", "growth": 3}], ids=str)
def test_fp32_is_the_generator_at_any_size(name, config):
    generator = SRGANGenerator(width=6, blocks=2, **config).eval()
    computes = open_engine(generator, name, "fp32", "cpu")
    for lr in (torch.rand(1, 3, 1, 1), torch.rand(1, 3, 17, 45), torch.rand(12, 7, 3, 2).permute(3, 2, 0, 1)):
        sr = computes(lr)
        with torch.inference_mode():
            assert sr.dtype == torch.float32 and torch.allclose(sr, generator(lr), rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("checkpoint", bundled())
def test_fp32_is_exact_for_the_bundled_checkpoints(name, checkpoint):
    generator = SRGANGenerator.from_pretrained(checkpoint)
    lr = torch.from_numpy(np.array(smooth_photo(45, 33))).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        assert (open_engine(generator, name, "fp32", "cpu")(lr) - generator(lr)).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["pytorch", "openvino"])
def test_bf16_rounds(name):
    generator = SRGANGenerator.from_pretrained("srresnet-x4")
    lr = torch.from_numpy(np.array(smooth_photo(45, 33))).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        difference = (open_engine(generator, name, "bf16", "cpu")(lr) - generator(lr)).abs()
    assert 0 < difference.mean() < 2e-3 and difference.max() < 0.05


@pytest.mark.parametrize("name", EXACT)
def test_threads_do_not_disturb_each_other(random_generator, name):
    computes = open_engine(random_generator, name, "fp32", "cpu")
    pictures = [torch.rand(1, 3, 20 + n, 30) for n in range(4)]
    expected, found = [computes(lr) for lr in pictures], [None] * 4

    def work(n):
        for _ in range(10):
            found[n] = computes(pictures[n])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_part_of_a_picture_is_that_of_the_whole(scale):
    """Little beyond the part is enlarged, but all that it depends on: were it a pixel less, the weights would show it."""
    torch.manual_seed(0)
    generator = SRGANGenerator(scale=scale, width=8, blocks=1).eval()
    torch.nn.init.normal_(generator.tail.weight, std=0.1)
    computes = open_engine(generator, "openvino", "fp32", "cpu")
    lr = np.random.default_rng(0).integers(0, 256, (30, 26, 3), dtype=np.uint8)
    whole = computes.picture(lr, slice(0, 30), slice(0, 26))
    assert whole.shape == (30 * scale, 26 * scale, 3) and whole.std() > 20
    for rows, columns in ((slice(8, 17), slice(9, 15)), (slice(0, 12), slice(1, 26)), (slice(29, 30), slice(0, 1))):
        part = computes.picture(lr, rows, columns)
        expected = whole[scale * rows.start : scale * rows.stop, scale * columns.start : scale * columns.stop]
        assert np.array_equal(part, expected)
    computes.reach -= 1
    part = computes.picture(lr, slice(8, 17), slice(9, 15))
    assert not np.array_equal(part, whole[8 * scale : 17 * scale, 9 * scale : 15 * scale])


def test_a_cpu_computes_by_openvino_in_what_it_is_fast_in(no_gpu, monkeypatch):
    assert choose() == ("openvino", backends.fast_precision("cpu"), "cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True}, raising=False)
    assert choose().precision == choose("pytorch").precision == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    assert choose(int8=True).precision == "fp32"


def test_a_gpu_computes_by_pytorch(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert choose() == ("pytorch", "bf16", "cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert choose() == ("pytorch", "fp16", "cuda")
    assert choose("openvino").device == "cpu" and choose(device="cpu").engine == "openvino"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (dict(engine="tensorrt"), "auto, pytorch, openvino"),
        (dict(precision="fp8"), "auto, fp32, bf16, fp16, mixed"),
        (dict(precision="fp16", device="cpu"), "for GPUs"),
        (dict(engine="openvino", device="cuda"), "only on the CPU"),
        (dict(engine="pytorch", precision="mixed"), "needs OpenVINO"),
    ],
)
def test_what_cannot_be_had_is_a_sentence(no_gpu, wanted, words):
    with pytest.raises(EngineError, match=words):
        choose(**wanted)


def test_an_upscaler_says_what_computes(random_generator, no_gpu):
    assert str(Upscaler(random_generator, engine="openvino", precision="fp32").engine).startswith("OpenVINO 20")
    assert str(Upscaler(random_generator, engine="pytorch", precision="bf16").engine).endswith(" bf16, cpu")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_memory_does_not_grow_with_every_size():
    def megabytes():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6

    upscaler, rng = Upscaler.from_pretrained("srgan-x4-lite", device="cpu"), np.random.default_rng(0)
    for number in range(90):
        if number == 50:  # with AMX, it grows until some 40 sizes have been seen
            before = megabytes()
        upscaler(np.zeros((*rng.integers(20, 90, 2), 3), np.uint8))
    assert megabytes() - before < 80  # 170 if every size is kept


def enlarged_elsewhere(upscaler, results):
    anew = Upscaler(upscaler.generator, engine="openvino", device="cpu")  # made there
    results.put([one(np.full((20, 30, 3), 99, np.uint8)) for one in (upscaler, anew)])


@pytest.mark.parametrize(("name", "way"), [("openvino", "fork"), ("pytorch", "fork"), ("openvino", "spawn")])
def test_a_used_upscaler_works_in_another_process(tiny_generator, name, way):
    upscaler = Upscaler(tiny_generator, engine=name, device="cpu")
    expected = upscaler(np.full((20, 30, 3), 99, np.uint8))
    processes = multiprocessing.get_context(way)
    results = processes.Queue()
    process = processes.Process(target=enlarged_elsewhere, args=(upscaler, results), daemon=True)
    process.start()
    for found in results.get(timeout=60):
        assert np.abs(found.astype(int) - expected).max() <= 2
    process.join(10)


def test_a_forked_pool_takes_an_upscaler_by_pickle_and_keeps_its_precision(tiny_generator):
    upscaler, image = Upscaler(tiny_generator, precision="fp32", device="cpu"), np.full((20, 30, 3), 99, np.uint8)
    expected = upscaler(image)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert np.array_equal(pool.map_async(upscaler, [image]).get(60)[0], expected)


def test_ctrl_c_is_heard_after_a_thread_dropped_an_engine_and_nothing_was_sent_anywhere():
    """OpenVINO handles the signals of the thread that opens it in memory of its own. Importing it starts a thread that reports
    it, if one lets it."""
    code = """
import os, signal, socket, sys, threading, time
tried = []
def refuse(*arguments):
    tried.append(arguments)
    raise OSError("no network here")
socket.socket.connect = socket.socket.connect_ex = socket.socket.sendto = socket.getaddrinfo = refuse
import torch
from srgan_hub import SRGANGenerator
from srgan_hub.inference.backends import open_engine
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
engines = [open_engine(SRGANGenerator(width=4, blocks=1), "openvino", "fp32", "cpu")]
engines[0](torch.rand(1, 3, 4, 4))
print(tried, threading.active_count(), [name for name in sys.modules if name.startswith("openvino_telemetry.")])
dropping = threading.Thread(target=engines.clear)
dropping.start()
dropping.join()
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(10)
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "[] 1 []\nheard\n"), done.stderr
