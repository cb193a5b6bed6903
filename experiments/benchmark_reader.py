"""What reading images from an array on disk costs, beside torchvision's loader of the same files on the same cores.

Targets:   reading a batch takes at most a fifth of the time that torchvision's recipe takes to decode and crop it (a
           folder of JPEGs, `RandomResizedCrop`, a worker for each core); training from the disk takes at most 1.1 times
           as long as training on the same images in memory
Measured:  results/published/runs.html; --list names the parts
Run:       python experiments/benchmark_reader.py [--source FOLDER] [--side 320] [--crop 299] [--device cuda]
           Without --source: JPEGs of ImageNet's usual size, 500 x 375 pixels, of smooth noise
           python experiments/benchmark_reader.py --synthetic --images 20000 --model inception_v3 --batch-size 256
           --precision bfloat16 --device cuda: Inception v3 by the paper's recipe at 299 pixels; an H100 should train
           on 2,500 images per second
Result:    a table on standard output, and its record under results/computations/, made once (again with --force):
           images per second, medians of repeats that take turns; all files are in the page cache
Time:      on two cores 3 minutes with --model mlp1 --images 320, and much longer as it stands, since a network of
           convolutions trains slowly there; nothing else may run on the machine
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from benchmark_training import now
from common import frameworks
from common.cli import one_line_errors, parse
from common.cores import cores
from common.data import build, epochs, stored
from common.data.arrays import Labels
from common.data.inputs import make
from common.data.stored import Stored
from common.papers.zhang import imagenet
from common.report import benchmarks
from common.report.benchmarks import child, compared, run_on
from common.report.tables import Table
from common.runs.config import CHOICES, Actions, Config, Options
from common.runs.record import processor
from common.runs.store import Record
from common.runs.threads import thread_environment
from common.runs.trainers import initialize

WIDTH, HEIGHT, CLASSES = 500, 375, 10
SYNTHETIC_CLASSES, WRITTEN = 1_000, 500  # images that are drawn and written at once
READING: dict[str, Any] = {
    **{"framework": "torch", "center_box": 0.875, "random_box": True, "flip": True, "preprocessing": "minus_one_one"}
}
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's, of ImageNet
USUAL, READ, PREPARED, TRAINED, MEMORY = "usual loader", "read", "read and prepared", "trained", "trained in memory"


@dataclass(frozen=True)
class Benchmark(benchmarks.Benchmark):
    """What is read."""

    slug = "benchmark_reader"
    least = dict.fromkeys(("images", "batch_size", "repeats", "crop"), 1)
    small = {"images": 40, "side": 16, "crop": 14, "batch_size": 16, "repeats": 1}

    source: str = ""
    """Folder of images with train/CLASS/; none makes some."""
    synthetic: bool = False
    """An array of random pixels, with no files behind it: torchvision's recipe is left out."""
    images: int = 1_000
    """Most images that are read."""
    side: int = 320
    """Of the array."""
    crop: int = 299
    """Of what a network is given."""
    batch_size: int = 32
    """Images of a step."""
    model: str = "alexnet"
    """Network that is trained; inception_v3 by the recipe of Zhang et al. (2017)."""
    precision: Annotated[str, tyro.conf.arg(metavar="|".join(CHOICES["precision"]))] = "float32"
    """Number format of the matrix products in training."""
    repeats: int = 3
    """Times each part is measured."""
    device: Annotated[str, tyro.conf.Fixed, tyro.conf.Suppress] = ""
    """Where images are prepared and networks trained."""


def made_up(folder: Path, count: int) -> Path:
    """JPEGs of smooth noise, as large as most of ImageNet's."""
    from PIL import Image

    generator = np.random.default_rng(0)
    for number in range(count):
        place = folder / "train" / f"class{number % CLASSES}" / f"{number}.JPEG"
        place.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(generator.integers(0, 256, (HEIGHT // 5, WIDTH // 5, 3), np.uint8))
        small.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(place, quality=90)
    return folder


def random_array(folder: Path, benchmark: Benchmark) -> tuple[Stored, Labels]:
    """Random pixels in an array on disk, and labels."""
    n, generator = benchmark.images, np.random.default_rng(0)
    shape = n, benchmark.side, benchmark.side, 3
    images = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, shape)
    for start in range(0, n, WRITTEN):
        part = images[start : start + WRITTEN]
        part[:] = generator.integers(0, 256, part.shape, np.uint8)
    facts = np.zeros(n, stored.FACTS)
    facts["height"], facts["width"] = HEIGHT, WIDTH
    return Stored(images, facts, np.arange(n)), np.arange(n) % SYNTHETIC_CLASSES


def usual(source: Path, images: Sequence[int], benchmark: Benchmark) -> Callable[[], object]:
    """torchvision's reference recipe: each image decoded, cropped, mirrored and standardized by a worker process."""
    import torch
    from torchvision import datasets, transforms

    steps = [transforms.RandomResizedCrop(benchmark.crop), transforms.RandomHorizontalFlip(), transforms.PILToTensor()]
    steps += [transforms.ConvertImageDtype(torch.float), transforms.Normalize(MEAN, DEVIATION)]
    files = torch.utils.data.Subset(datasets.ImageFolder(str(source), transforms.Compose(steps)), images)
    on_gpu = benchmark.device == "cuda"
    loader = torch.utils.data.DataLoader(
        files, benchmark.batch_size, shuffle=True, num_workers=benchmark.threads, pin_memory=on_gpu,
        multiprocessing_context="fork", persistent_workers=True,
    )  # fmt: skip

    def read() -> None:
        for batch, labels in loader:
            batch.to(benchmark.device, non_blocking=True), labels.to(benchmark.device, non_blocking=True)

    return read


def config_of(benchmark: Benchmark) -> Config:
    """What is trained: Inception v3 as the paper does, other networks on images prepared alike."""
    recipe = imagenet.fields(imagenet.TRUE[0]) if benchmark.model == "inception_v3" else READING
    own = {name: getattr(benchmark, name) for name in ("model", "crop", "batch_size", "precision")}
    return Config(**{**recipe, **own})


def ours(x: Stored, y: Labels, benchmark: Benchmark) -> dict[str, Callable[[], object]]:
    """The array alone, with preparation, and in training; and training on the same images in memory."""
    reader, trainer = (frameworks.module("torch", name) for name in ("reader", "trainer"))
    config = config_of(benchmark)
    kind = make("images", config, x.shape[1:])
    plan = epochs.draw(kind, 0, 0, len(y))

    def trained_on(inputs: Any) -> Any:
        network = trainer.Trainer(config, kind, int(y.max()) + 1, device=benchmark.device)
        initialize(network, config, Path())
        network.put(inputs, y)
        return network

    in_memory = x.read(np.arange(len(x)), np.empty(x.shape, np.uint8))
    disk, memory = trained_on(x), trained_on(in_memory)

    def read() -> None:
        batches = np.split(plan.order, range(config.batch_size, len(y), config.batch_size))
        for _ in reader.read_ahead(x, batches, disk.device):
            pass

    def prepare() -> None:
        for _ in disk.batches(plan):
            pass

    return {
        READ: read,
        PREPARED: prepare,
        TRAINED: lambda: disk.train_epoch(plan, 1e-4),
        MEMORY: lambda: memory.train_epoch(plan, 1e-4),
    }


def measured(benchmark: Benchmark) -> Record:
    """Images per second of each part in each repeat; the first round warms up."""
    rates: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if benchmark.synthetic:
            x, y = random_array(folder, benchmark)
            parts = ours(x, y, benchmark)
        else:
            named = Path(benchmark.source).expanduser()
            given = named if benchmark.source else made_up(folder / "made_up", benchmark.images)
            build.build(given / "train", folder / "array", benchmark.side, benchmark.threads)
            x, y, *_ = stored.load(folder / "array")
            images = np.random.default_rng(0).permutation(len(y))[: benchmark.images]
            x, y = x[images], y[images]
            parts = {USUAL: usual(given / "train", images.tolist(), benchmark)} | ours(x, y, benchmark)
        for repeat in range(benchmark.repeats + 1):
            for name, part in parts.items():
                start = now(benchmark.device)
                part()
                rate = len(y) / (now(benchmark.device) - start)
                if repeat:
                    rates[name].append(rate)
                print(f"{repeat}/{benchmark.repeats} {name} {rate:.0f} images/s", file=sys.stderr, flush=True)
    return {"rates": rates, "images": len(y)}


def measure(benchmark: Benchmark, options: Options) -> Record:
    """Measured in a process of its own, with its threads."""
    with child(thread_environment(benchmark.threads)) as call:
        found: Record = call(measured, benchmark)
    return found


CLAIMS: dict[tuple[str, str], tuple[Any, ...]] = {
    (READ, USUAL): ("at least", 5.0),
    (PREPARED, USUAL): (),
    (READ, TRAINED): (),
    (PREPARED, TRAINED): (),
    (MEMORY, TRAINED): ("at most", 1.1),
}


def table(found: Record) -> Table:
    """A row for each ratio of two parts, with its bound where it has one."""
    rates, settings = found["rates"], found["benchmark"]
    measured_pairs = {pair: bound for pair, bound in CLAIMS.items() if set(pair) <= set(rates)}
    rows = [[f"{a} / {b}", *compared(rates[a], rates[b], *bound)] for (a, b), bound in measured_pairs.items()]
    made = "random pixels" if settings["synthetic"] else f"JPEGs of {WIDTH} x {HEIGHT} pixels"
    what = Path(settings["source"]).name or made
    note = (
        f"{found['images']} images, {what}; array of {settings['side']} px, crops of {settings['crop']}, batches of "
        f"{settings['batch_size']}, {settings['model']} in {settings['precision']}. {run_on(found)}, "
        f"{found['threads']} threads and loader workers"
    )
    columns = ["ratio of", "images/s", "to images/s", "ratio", "claim", "holds"]
    return Table("Images from disk", columns, rows, note)


def placed(benchmark: Benchmark, options: Options) -> Benchmark:
    """On this machine's cores, and its GPU where it is asked for."""
    device = frameworks.module("torch", "trainer").find_device(options.device)
    name = processor()
    if device.type == "cuda":
        import torch

        name = f"{torch.cuda.get_device_name()}, {name}"
    return dataclasses.replace(benchmark, hardware=name, threads=options.threads or cores(), device=device.type)


def main() -> None:
    arguments = parse(__doc__, benchmark=Benchmark(), options=Options(), actions=Actions())
    benchmarks.report(arguments, (USUAL, READ, PREPARED, TRAINED, MEMORY), placed, measure, table)


if __name__ == "__main__":
    with one_line_errors():
        main()
