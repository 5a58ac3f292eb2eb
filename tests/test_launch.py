"""The real commands: accelerate launch and torchrun, one process and two."""

import copy
import json
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from conftest import ROOT, equal, state_of, train
from srgan_hub import SRGANGenerator
from srgan_hub.training.launch import CPUPReLU, Stop, refuse_lost_processes, speed_up
from train_accelerate import Config

SETTINGS = dict(cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch"]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
TINY = dict(width=4, blocks=1, crop=32, batch_size=2, report_to="none", validation="none", log_every=1, threads=1)

# Runs the trainer; each process then writes down the weights that it holds.
WITNESS = """
import sys, torch, train_accelerate
from accelerate import PartialState
from srgan_hub.training import checkpoint
original, networks = checkpoint.save, []
def save(accelerator, folder, step, *more):
    state = [{k: v.clone() for k, v in accelerator.unwrap_model(m).named_parameters()} for m in accelerator._models]
    torch.save(state, folder.parent / f"rank-{accelerator.process_index}.pt")
    return original(accelerator, folder, step, *more)
checkpoint.save = save
train_accelerate.train(train_accelerate.parse(sys.argv[1:]))
"""


def options(**values):
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


def run(command, *more, **environment):
    done = subprocess.run([*command, *more], env={**os.environ, **environment}, timeout=240, **SETTINGS)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def witness(tmp_path):
    path = tmp_path / "witness.py"
    path.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{WITNESS}")
    return str(path)


def test_run_stopped_by_a_signal_resumes_to_the_same_weights(photo_folder, tmp_path):
    """accelerate launch; SIGTERM in the middle, then --resume latest."""
    sizes = {**TINY, "max_train_steps": 6, "dataset": photo_folder, "report_to": "tensorboard"}
    command = [*LAUNCH, "train_accelerate.py", *options(**sizes)]
    run(command, "--output_dir", str(tmp_path / "whole"))

    cut = subprocess.Popen(
        [*command, "--output_dir", str(tmp_path / "cut")],
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True, **SETTINGS,
    )  # fmt: skip
    seen = ""
    for line in cut.stdout:
        seen += line
        if line.startswith("update 2/6"):
            os.killpg(cut.pid, signal.SIGTERM)
    cut.wait()
    assert "(SIGTERM); --resume latest continues" in seen
    again = run(command, "--output_dir", str(tmp_path / "cut"), "--resume", "latest")
    assert "resumed" in again
    assert equal(state_of(tmp_path / "whole"), state_of(tmp_path / "cut"))
    assert list((tmp_path / "cut" / "logs").rglob("events.out.tfevents.*"))  # TensorBoard, out of the box


def test_two_processes_hold_the_same_weights_and_resume_exactly_after_kill_9(photo_folder, tmp_path, witness):
    gan = dict(variant="srgan-mse", dataset=photo_folder, max_train_steps=24, checkpoint_every=3, **TINY)
    command = [*TWO, witness, *options(**gan)]
    shown = run(command, "--output_dir", str(tmp_path / "whole"))
    assert "2 process(es), MULTI_CPU" in shown
    one, two = (torch.load(tmp_path / "whole" / f"rank-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert len(one) == 2  # discriminator and generator
    assert equal(one, two)

    cut = subprocess.Popen(
        [*command, "--output_dir", str(tmp_path / "cut")],
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True, **SETTINGS,
    )  # fmt: skip
    for line in cut.stdout:
        if line.startswith("update 4/24"):
            launcher = psutil.Process(cut.pid)
            for process in (launcher, *launcher.children(recursive=True)):  # torchrun gives each a session of its own
                process.kill()
    cut.wait()
    assert not (tmp_path / "cut" / "checkpoints" / "checkpoint-0000024").exists()
    shown = run(command, "--output_dir", str(tmp_path / "cut"), "--resume", "latest")
    assert "resumed" in shown
    assert equal(state_of(tmp_path / "whole"), state_of(tmp_path / "cut"))


def test_two_processes_are_one_with_the_double_batch(photo_folder, tmp_path, monkeypatch):
    """Without BatchNorm, whose statistics are each process's own: the losses agree, and so do the weights after them.

    Launched by the command that the documentation names for CPUs."""
    plain = {**TINY, "norm": "none", "mixed_precision": "no", "dataset": str(photo_folder), "max_train_steps": 5, "lr": 0.02}
    train(Config(**{**plain, "batch_size": 4}, output_dir=str(tmp_path / "one")))
    two = [*LAUNCH, "--multi_gpu", "--num_processes", "2", "--main_process_port", "0", "train_accelerate.py", *options(**plain)]
    run(two, "--output_dir", str(tmp_path / "two"), ACCELERATE_USE_CPU="true")
    a, b = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert a.keys() == b.keys()
    assert all(torch.allclose(a[name], b[name], rtol=0, atol=1e-5) for name in a)
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("one", "two")]
    losses = [[json.loads(line)["pixel"] for line in log] for log in logs]
    assert len(losses[0]) == len(losses[1]) == 5
    assert all(abs(x - y) < 1e-5 for x, y in zip(*losses, strict=True))


@pytest.mark.soak
def test_two_machines_train_as_one(photo_folder, tmp_path):
    """The documented form for several machines; here both are this one, with a process each."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    place = ["--main_process_ip", "127.0.0.1", "--main_process_port", port, "--num_machines", "2", "--num_processes", "2"]
    run_options = options(**TINY, dataset=photo_folder, max_train_steps=3, output_dir=tmp_path / "out")
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true"}
    machines = [
        subprocess.Popen([*LAUNCH, "-q", "--multi_gpu", *place, "--machine_rank", rank, "train_accelerate.py", *run_options],
                         env=environment, **SETTINGS)
        for rank in "01"
    ]  # fmt: skip
    shown = [machine.communicate(timeout=240)[0] for machine in machines]
    assert [machine.returncode for machine in machines] == [0, 0], shown
    assert "2 process(es), MULTI_CPU" in shown[0]
    assert json.loads((tmp_path / "out" / "training.json").read_text())["updates"] == 3


def test_processes_that_were_asked_for_and_not_started_are_missed(tmp_path):
    command = [*LAUNCH, "-q", "--cpu", "--num_processes", "2", "train_accelerate.py", "--output_dir", str(tmp_path / "out")]
    done = subprocess.run(command, **SETTINGS)
    assert done.returncode == 1
    assert "only one was started; on CPUs this starts N: ACCELERATE_USE_CPU=true accelerate launch --multi_gpu" in done.stdout
    assert "Traceback" not in done.stdout
    refuse_lost_processes({})  # one process, as it should be
    refuse_lost_processes({"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2"})


def test_user_mistake_ends_without_a_traceback(tmp_path):
    wrong = options(dataset=tmp_path / "nowhere", output_dir=tmp_path / "out")
    done = subprocess.run([*LAUNCH, "-q", "train_accelerate.py", *wrong], **SETTINGS)
    assert done.returncode == 1
    assert "cannot be loaded" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.fixture
def interruptible():
    """Ctrl-C as in a terminal, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stop(Accelerator(cpu=True), None, time.monotonic()) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop.requested(1)
    finally:
        signal.signal(signal.SIGINT, before)


def test_signal_asks_once_and_the_second_ends_at_once(interruptible):
    before = signal.getsignal(signal.SIGINT)
    with Stop(Accelerator(cpu=True), None, time.monotonic()) as stop:
        assert not stop.requested(1)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.requested(1)
        assert stop.reason == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_time_that_is_up_counts_from_the_start_of_the_run():
    with Stop(Accelerator(cpu=True), 100.0, time.monotonic() - 99) as stop:
        assert not stop.requested(1)
    with Stop(Accelerator(cpu=True), 100.0, time.monotonic() - 101) as stop:
        assert stop.requested(1)
        assert stop.reason == "the time is up"


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_function_and_gradients_are_those_of_prelu(layout):
    usual, cheaper = torch.nn.PReLU(init=0.3), CPUPReLU(init=0.3)
    x = torch.randn(3, 8, 5, 7).contiguous(memory_format=layout)
    gradient = torch.randn(3, 8, 5, 7).contiguous(memory_format=layout)
    results = []
    for layer in (usual, cheaper):
        inputs = x.clone().requires_grad_()
        out = layer(inputs)
        out.backward(gradient)
        results.append((out, inputs.grad, layer.weight.grad))
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert torch.autograd.gradcheck(cheaper.double(), x.double().requires_grad_())


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_generator_keeps_its_weights_and_what_it_computes(scale):
    usual = SRGANGenerator(scale=scale, width=4, blocks=1, norm="none")
    faster = copy.deepcopy(usual)
    speed_up(faster)
    speed_up(faster)  # twice is once
    copied = copy.deepcopy(faster)
    assert faster.state_dict().keys() == usual.state_dict().keys()
    lr = torch.rand(2, 3, 6, 7)
    results = []
    for generator in (usual, faster, copied):
        sr = generator(lr)
        sr.square().sum().backward()
        results.append([sr, *(parameter.grad for parameter in generator.parameters())])
    for one, *others in zip(*results, strict=True):
        assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-5) for other in others)


def test_saved_generator_is_an_ordinary_one(tmp_path):
    generator = SRGANGenerator(width=4, blocks=1).eval()
    before = generator(torch.ones(1, 3, 5, 5))
    speed_up(generator)
    generator.save_pretrained(tmp_path)
    loaded = SRGANGenerator.from_pretrained(tmp_path)
    assert type(loaded.tail) is torch.nn.Conv2d
    assert torch.allclose(loaded(torch.ones(1, 3, 5, 5)), before, atol=1e-6)
